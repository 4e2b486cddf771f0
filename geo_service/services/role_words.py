"""What roles are called, on maps, boards and reports."""

from geo_service.maps.figures import Label

ROLE_NAMES = {
    "grid_worker": Label("网格员", "Grid worker"),
    "grid_lead": Label("网格长", "Grid lead"),
    "police": Label("民警", "Police officer"),
    "volunteer": Label("志愿者", "Volunteer"),
}
