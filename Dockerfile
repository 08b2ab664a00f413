FROM python:3.11-slim AS build
# strip, which takes a fifth off TensorFlow's library, is all that is needed of it.
RUN apt-get update && apt-get install --yes --no-install-recommends binutils
RUN python -m venv /venv
COPY requirements.txt .
# TensorFlow asks for packages and brings files that serving a frozen graph never touches: Keras and what it needs,
# the headers. `import tensorflow` and the session do without; tests/test_container.py runs the result.
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt \
 && /venv/bin/pip uninstall --yes \
        grpcio h5py keras libclang markdown-it-py mdurl namex optree pygments rich wheel \
 && cd /venv/lib/python3.11/site-packages \
 && rm -r tensorflow/include \
 && strip --strip-unneeded tensorflow/libtensorflow_*.so.2 \
 && /venv/bin/pip uninstall --yes setuptools pip
WORKDIR /service
COPY LICENSE NOTICE app.py cli.py config.py ./
COPY api api
COPY commands commands
COPY core core
COPY assets assets
# `docker build --build-arg MODEL_TYPE=full` downloads the full model's graph into the image; mobile's comes with the code.
ARG MODEL_TYPE=mobile
ARG MODEL_MIRROR
ARG MODEL_SHA512
RUN mkdir /models && PYTHONDONTWRITEBYTECODE=1 MODEL_CACHE=/models /venv/bin/python cli.py fetch "$MODEL_TYPE"


FROM python:3.11-slim
COPY --from=build /venv /venv
COPY --from=build /models /models
COPY --from=build /service /service
WORKDIR /service
ARG MODEL_TYPE=mobile
ARG MODEL_SHA512
# gunicorn keeps a file that shows that its worker lives, and TensorFlow wants a temporary folder to be there at all: both
# have the one place that is writable where the file system is not.
ENV TMPDIR=/dev/shm \
    PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MODEL_TYPE=$MODEL_TYPE MODEL_SHA512=$MODEL_SHA512 MODEL_CACHE=/models
# A number, so that Kubernetes can see that it is not root; group 0, as OpenShift's random users have.
USER 10001:0
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '5000') + '/health/ready')"]
CMD ["python", "app.py"]
