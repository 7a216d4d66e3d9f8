# One image for the three services: `graft registry`, `graft dispatcher`, `graft gateway`.
# Plain instructions only, so that the classic builder and BuildKit both take it.
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${BASE_IMAGE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
# The services' environment is made without pip; the pip of a second environment, which stays behind, fills it.
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/graft/venv
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Further options of pip, such as `--index-url https://mirror.example/simple`.
ARG PIP_ARGS=
WORKDIR /src
# The dependencies have a layer of their own: a change of the source does not fetch them again.
COPY pyproject.toml ./
RUN python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > /opt/build/requirements.txt \
 && /opt/build/bin/pip --python /opt/graft/venv install --only-binary :all: ${PIP_ARGS} -r /opt/build/requirements.txt
COPY . ./
RUN /opt/build/bin/pip wheel --no-deps --wheel-dir /opt/build/dist ${PIP_ARGS} . \
 && /opt/build/bin/pip --python /opt/graft/venv install --no-deps --no-index /opt/build/dist/*.whl

FROM ${BASE_IMAGE}
# python3 is also there for extensions that start with `#!/usr/bin/env python3`. tini is process 1: it reaps what sandboxes leave to it.
# Nothing in the image needs set-uid bits, and no service may gain rights by them.
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap ca-certificates python3 tini \
 && rm -rf /var/lib/apt/lists/* \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && ln -s /opt/graft/venv/bin/graft /usr/local/bin/graft \
 && install -d -o 65534 -g 65534 -m 0700 /var/lib/graft \
 && install -d /srv/graft/extensions.d /srv/graft/declarations.d
COPY --from=build /opt/graft/venv /opt/graft/venv
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    GRAFT_DATA_DIR=/var/lib/graft GRAFT_HTTP=0.0.0.0:8080 \
    GRAFT_EXTENSIONS_DIR=/srv/graft/extensions.d GRAFT_DECLARATIONS_DIR=/srv/graft/declarations.d
USER 65534:65534
WORKDIR /var/lib/graft
ENTRYPOINT ["/usr/bin/tini", "--", "graft"]
CMD ["--help"]
