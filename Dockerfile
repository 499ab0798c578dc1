# facesort with JupyterLab, for a user who is not root. Not built in CI; docs/install.md says how it was tried.
#     docker build --tag facesort .

FROM python:3.12-slim AS build
WORKDIR /facesort
COPY requirements/build.txt requirements/runtime.txt requirements/
# Exactly the listed files, each with the listed checksum, as `make` installs them.
RUN python -m venv /opt/facesort \
    && /opt/facesort/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation --require-hashes \
        -r requirements/build.txt \
    && /opt/facesort/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation --require-hashes \
        -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY facesort facesort
COPY notebooks notebooks
RUN /opt/facesort/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation . \
    && cp -r notebooks /opt/facesort/notebooks \
    # 96 MB that facesort never opens, and whose licence excludes commercial use
    && rm /opt/facesort/lib/python3.12/site-packages/face_recognition_models/models/shape_predictor_68_face_landmarks.dat
# JupyterLab can be reached from outside of the container, takes large uploads, and asks the network for nothing.
RUN mkdir -p /opt/facesort/etc/jupyter \
    && printf '%s' '{"ServerApp": {"ip": "0.0.0.0", "open_browser": false,' \
        ' "tornado_settings": {"websocket_max_message_size": 268435456}},' \
        ' "LabApp": {"news_url": "", "check_for_updates_class": "jupyterlab.NeverCheckForUpdate"}}' \
        > /opt/facesort/etc/jupyter/jupyter_server_config.json

FROM python:3.12-slim
COPY --from=build /opt/facesort /opt/facesort
# Whoever it runs as (`--user`) has a home that can be written to; packs belong into hot_storage/packs.
ENV PATH=/opt/facesort/bin:$PATH HOME=/tmp PYTHONSAFEPATH=1
RUN useradd --uid 1000 --no-create-home facesort \
    && mkdir /work \
    && chown facesort:facesort /work
USER 1000
WORKDIR /work
ENTRYPOINT ["facesort"]
CMD ["--help"]
