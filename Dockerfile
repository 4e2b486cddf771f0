# Two images from one file, on the same Debian packages:
#   docker build --target db  -t geo-service-db .     PostgreSQL 15 with PostGIS 3
#   docker build --target app -t geo-service .        the service and its command line
# No build argument and no file in them holds a secret.

FROM debian:bookworm-slim AS base
ENV LANG=C.UTF-8 LC_ALL=C.UTF-8
# no cluster of Debian's own; the users have fixed numbers, so that volumes keep their owners
RUN set -eu; \
    groupadd --system --gid 990 postgres; \
    useradd --system --uid 990 --gid 990 --home-dir /var/lib/postgresql --no-create-home postgres; \
    groupadd --system --gid 991 geo; \
    useradd --system --uid 991 --gid 991 --home-dir /var/lib/geo_service --no-create-home geo; \
    mkdir -p /etc/postgresql-common/createcluster.d; \
    echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/geo-service.conf; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        postgresql-15 postgresql-15-postgis-3 python3 tzdata; \
    rm -rf /var/lib/apt/lists/*

# ---------------------------------------------------------------- the database
FROM base AS db
COPY --chmod=0755 scripts/db-entrypoint /usr/local/bin/db-entrypoint
RUN install -d -o postgres -g postgres -m 0700 /var/lib/geo_service_db
USER postgres
VOLUME /var/lib/geo_service_db
EXPOSE 5432
# SIGINT is PostgreSQL's fast shutdown: SIGTERM would wait for every client to leave
STOPSIGNAL SIGINT
ENTRYPOINT ["db-entrypoint"]

# ---------------------------------------------------------------- a wheel, with the front-end assets in it
FROM base AS build
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements/ requirements/
# at its final place, since programs in an environment name their own folder
RUN python3 -m venv /opt/geo_service && python3 -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r requirements/uv.txt \
    && /opt/build/bin/uv pip sync --no-cache --python /opt/geo_service/bin/python --require-hashes requirements/base.txt \
    && /opt/build/bin/uv pip sync --no-cache --python /opt/build/bin/python --require-hashes requirements/dev.txt requirements/uv.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY scripts/vendor-assets scripts/vendor-assets
COPY web/ web/
COPY geo_service/ geo_service/
RUN PATH=/opt/build/bin:$PATH /opt/build/bin/python scripts/vendor-assets \
    && /opt/build/bin/uv build --wheel --no-build-isolation --python /opt/build/bin/python --out-dir /tmp/dist . \
    && /opt/build/bin/uv pip install --no-cache --python /opt/geo_service/bin/python --no-deps /tmp/dist/*.whl

# ---------------------------------------------------------------- the service
FROM base AS app
# printed reports carry a Chinese font
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends fonts-wqy-microhei \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/geo_service /opt/geo_service
# all that is ever written lies in the home: state, session secret, compiled kernels
ENV PATH=/opt/geo_service/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GEO_SERVICE_HOME=/var/lib/geo_service \
    NUMBA_CACHE_DIR=/var/lib/geo_service/numba
RUN install -d -o geo -g geo -m 0750 /var/lib/geo_service
USER geo
WORKDIR /var/lib/geo_service
VOLUME /var/lib/geo_service
EXPOSE 8000
ENTRYPOINT ["geo-service"]
CMD ["serve", "--host", "0.0.0.0", "--workers", "4"]
