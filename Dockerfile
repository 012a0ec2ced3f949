# syntax=docker/dockerfile:1
# All methods in one image, or those that METHODS names; docs/containers.md says how it is used.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ARG METHODS=all
ARG EXTRAS=web,serve,mcp
ARG TORCH=cpu
RUN pip install --no-cache-dir "uv>=0.8,<1"
WORKDIR /source
COPY tools/install_methods.sh tools/
COPY shared shared
COPY packages packages
RUN METHODS="$METHODS" EXTRAS="$EXTRAS" TORCH="$TORCH" TARGET=/opt/methods sh tools/install_methods.sh

FROM python:${PYTHON}-slim
# fetched weights go to /cache; both folders are open to whichever user the image is run as
RUN useradd --create-home --uid 1000 methods && install -d -m 1777 /cache /data
COPY --from=build /opt/methods /opt/methods
ENV PATH=/opt/methods/bin:$PATH \
    XDG_CACHE_HOME=/cache \
    MPLCONFIGDIR=/cache/matplotlib \
    PYTHONUNBUFFERED=1
USER 1000
WORKDIR /data
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/methods', timeout=5)"]
ENTRYPOINT ["visioncore"]
CMD ["serve", "--host", "0.0.0.0"]
