"""Geometry, exact and pure: no database, web, clock, environment or file.

- Coordinates: ``lattice`` (integers of 2⁻²³ degree), ``crs`` and ``chinese_datums`` (any datum to WGS84 and
  back), ``measure`` (metres on the ellipsoid), ``width``, ``sampling`` (points spread over cells).
- Tilings: ``segments`` (edges with the cell on each side), ``fabric`` (half-edges) and ``border`` (its
  proof), ``derive`` (outlines of higher levels, simplification).
- Judging: ``rules`` (what rules find about cells; ``rules_settings``, ``rules_scene``, ``rules_ground``, and
  the rules themselves in ``rules_register``, ``rules_shape``, ``rules_barriers``; what they say in
  ``rules_words``), ``exclaves``, ``gaps``, ``codes`` (schemes of codes).
- Checking: ``inspect`` (the way in), ``shapes`` (one polygon alone), ``layout`` (how they lie together),
  ``arrangement`` (all borders laid over each other), ``mend`` (what is narrow).
"""
