"""The production files, read as data: no container engine is needed to see that the rules are kept."""

import re
from pathlib import Path

import pytest

from geo_service.settings import Settings

yaml = pytest.importorskip("yaml", reason="comes with the packages of the group test")

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_services():
    assert set(SERVICES) == {"db", "migrate", "app", "relay"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert "user" not in service, "the images' own users, never root"
    assert service["logging"]["options"]["max-size"]


def test_no_password_has_a_default():
    mentions = re.findall(r"\$\{(\w*PASSWORD\w*)([^}]*)\}", TEXT)
    assert mentions
    assert all(rest.startswith(":?") for _, rest in mentions)
    in_words = [line for line in TEXT.splitlines() if "PASSWORD:" in line and "${" not in line]
    assert in_words == []


def test_only_the_app_can_be_reached_and_only_from_this_host():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["app"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["app"]["ports"])
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["db"]["networks"] == ["inside"]


def test_the_order_of_starting():
    assert SERVICES["migrate"]["depends_on"]["db"]["condition"] == "service_healthy"
    assert SERVICES["migrate"]["restart"] == "no"
    for name in ("app", "relay"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_health_checks_and_volumes():
    assert {name for name in SERVICES if "healthcheck" in SERVICES[name]} == {"db", "app", "relay"}
    named = {mount.split(":")[0] for service in SERVICES.values() for mount in service["volumes"]}
    assert named == set(COMPOSE["volumes"]), "named volumes only: no folder of the host"


def test_several_workers():
    command = SERVICES["app"]["command"]
    assert int(command[command.index("--workers") + 1]) > 1


def test_every_target_exists_and_ends_as_a_user_without_rights():
    stages = dict(re.findall(r"(?ms)^FROM \S+ AS (\w+)$(.*?)(?=^FROM|\Z)", DOCKERFILE))
    for service in SERVICES.values():
        users = re.findall(r"(?m)^USER (\w+)$", stages[service["build"]["target"]])
        assert users
        assert users[-1] != "root"


def test_no_secret_is_baked_in():
    assert not re.search(r"(?im)^(ARG|ENV) .*(password|secret|key)", DOCKERFILE)
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*", (
        "only what is listed goes to the builder"
    )


def test_every_file_the_image_is_made_of_is_let_through():
    allowed = [
        line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    copied = re.findall(r"(?m)^COPY (?!--from)(?:--\S+ )*(.+) \S+$", DOCKERFILE)
    for name in " ".join(copied).split():
        path = name.rstrip("/")
        assert path in allowed
        assert (ROOT / path).exists()


def test_variables_are_settings_of_ours():
    known = {f"GEO_SERVICE_{name.upper()}" for name in Settings.model_fields}
    for name in ("migrate", "app", "relay"):
        assert set(SERVICES[name]["environment"]) <= known
