# The only place to pin the base image: `python:3.11-slim@sha256:...`, see "Releases" in CONTRIBUTING.md.
FROM python:3.11-slim AS base


FROM base AS build
# binutils has strip, which makes TensorFlow's library a fifth smaller.
RUN apt-get update && apt-get install --yes --no-install-recommends binutils
RUN python -m venv /venv
COPY requirements.txt .
# TensorFlow requires packages and installs files that serving a frozen graph never uses: Keras with its dependencies,
# and headers. `import tensorflow` and sessions work without them; tests/service/test_container.py runs the result.
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt \
 && /venv/bin/pip uninstall --yes \
        grpcio h5py keras libclang markdown-it-py mdurl namex optree pygments rich wheel \
 && cd /venv/lib/python3.11/site-packages \
 && rm -r tensorflow/include \
 && strip --strip-unneeded tensorflow/libtensorflow_*.so.2 \
 && /venv/bin/pip uninstall --yes setuptools pip
WORKDIR /service
COPY LICENSE NOTICE app.py cli.py config.py segmenter.py ./
COPY api api
COPY commands commands
COPY core core
COPY server server
COPY assets assets
# The container can't write bytecode, and would compile its own modules at each start, in three processes.
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash api commands core server *.py
# `docker build --build-arg MODEL_TYPE=full` downloads the graph of the full model into the image. The graph of the
# mobile model is part of the code.
ARG MODEL_TYPE=mobile
ARG MODEL_MIRROR
ARG MODEL_SHA512
RUN mkdir /models && PYTHONDONTWRITEBYTECODE=1 MODEL_CACHE=/models /venv/bin/python cli.py fetch "$MODEL_TYPE"


FROM base
# tini is process 1: it reaps the processes whose parent has ended, and passes signals on to a command, which would not
# get those that it does not handle if it were process 1 itself.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini \
 && rm -r /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=build /venv /venv
COPY --from=build /models /models
COPY --from=build /service /service
WORKDIR /service
ARG MODEL_TYPE=mobile
ARG MODEL_SHA512
# TensorFlow needs a temporary folder. /dev/shm is writable even if the file system is read-only.
ENV TMPDIR=/dev/shm \
    PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MODEL_TYPE=$MODEL_TYPE MODEL_SHA512=$MODEL_SHA512 MODEL_CACHE=/models
# A numeric user lets Kubernetes verify that it is not root. Group 0 is that of OpenShift's random users.
USER 10001:0
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=10s --start-period=600s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '5000') + '/health/ready')"]
# Without arguments the container serves; its arguments are those of cli.py: `docker run IMAGE predict --help`. `exec`
# makes Python the process that receives the signals of `docker stop` from tini. With -s, tini reaps also where the
# container runtime has an init of its own, as with `docker run --init`.
ENTRYPOINT ["/usr/bin/tini", "-s", "--", "sh", "-c", "[ $# -gt 0 ] && exec python cli.py \"$@\"; exec python app.py", "segmenter"]
# These vary with the build: `docker build --build-arg REVISION=$(git rev-parse HEAD)` and so on.
ARG SOURCE
ARG REVISION
ARG CREATED
LABEL org.opencontainers.image.title="max-image-segmenter" \
      org.opencontainers.image.description="Semantic-segmentation microservice: a class for every pixel of a photo, by DeepLabV3 over HTTP" \
      org.opencontainers.image.version="1.0.0" \
      org.opencontainers.image.licenses="Apache-2.0 AND 0BSD AND BSD-2-Clause AND BSD-3-Clause AND BSD-3-Clause-Open-MPI AND CC0-1.0 AND curl AND FTL AND ICU AND IJG AND ISC AND libpng-2.0 AND libtiff AND Minpack AND MIT AND MIT-CMU AND OpenSSL AND PSF-2.0 AND X11 AND Zlib AND Apache-2.0 WITH LLVM-exception AND MPL-2.0 AND LGPL-2.0-or-later AND LGPL-2.1-only AND LGPL-2.1-or-later AND LGPL-3.0-or-later AND GPL-2.0-only AND GPL-2.0-or-later AND GPL-3.0-or-later AND GPL-3.0-or-later WITH GCC-exception-3.1 AND LicenseRef-Debian" \
      org.opencontainers.image.base.name="python:3.11-slim" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
