# copilot_pipeline with its commands copilot-pipeline, dagster, dagster-webserver and dagster-daemon.
FROM python:3.11.15-slim-trixie

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /opt/copilot_pipeline
COPY pyproject.toml requirements.txt README.md LICENSE ./
# No file is installed whose hash is not in requirements.txt, the build backend's included.
RUN pip install --require-hashes --requirement requirements.txt
COPY copilot_pipeline copilot_pipeline
RUN pip install --no-deps --no-build-isolation .

# A new named volume takes over the owner of the directory that it is mounted on.
RUN useradd --uid 10001 --create-home copilot \
    && install --directory --owner copilot --group copilot \
    /var/lib/dagster /var/lib/dagster/storage
ENV DAGSTER_HOME=/var/lib/dagster

USER copilot
WORKDIR /home/copilot
CMD ["copilot-pipeline", "--help"]
