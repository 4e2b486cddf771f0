"""All SQL: tables, migrations, one file a subject, and the private PostGIS."""
