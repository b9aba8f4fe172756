"""The Docker image without Docker: its instructions as commands, in a bare root.

The root has the Debian packages that the image has (Orthanc, its plugins, Python, pip).
`orthanc_image` does what the image does with environment variables.
"""

import json
import shlex

from install_page import PAGE, dockerfile, write
from support.orthanc_image import (
    IN_DEBIAN,
    SERVICES,
    configuration,
    instructions,
    libraries,
)

PASSWORD = "imaging-selection"  # noqa: S105 - the default of docker-compose.yml

IMAGE = """
apt-get update
apt-get install --yes --no-install-recommends \\
    orthanc orthanc-python orthanc-dicomweb python3 python3-pip
echo 127.0.0.1 orthanc >>/etc/hosts
"""

# The health check, then the program that stores the example; then Orthanc is stopped.
SERVE = """
Orthanc image.json &
cat >alive.py <<'END'
import base64, urllib.request
login = base64.b64encode(b"orthanc:@PASSWORD@").decode()
request = urllib.request.Request("http://orthanc:@HTTP_PORT@/changes?last")
request.add_header("Authorization", "Basic " + login)
urllib.request.urlopen(request)
END
for second in $(seq 60); do
    python3 alive.py && break
    sleep 1
done
export ORTHANC_PASSWORD=@PASSWORD@ HTTP_PORT=@HTTP_PORT@
python3 -c @EXAMPLE@ | tee /tmp/example
kill %1
wait %1
grep '"resourceType": "ImagingSelection"' /tmp/example
grep '"versionId": "1"' /tmp/example
"""


def scripts(http_port, dicom_port):
    """Return the scripts: for docker-compose.yml, and for docs/install.md."""
    return {
        "Docker": _script(instructions(), "plugin", http_port, dicom_port),
        "Docker, an image of one's own": _script_of_page(http_port, dicom_port),
    }


def _script_of_page(http_port, dicom_port):
    text, files = dockerfile(PAGE.read_text(encoding="utf-8"))
    wheel = "python3 -m pip wheel --no-deps --wheel-dir=image ."
    steps = [IMAGE, "mkdir image", wheel]
    steps += [write(f"image/{name}", each) for name, each in files.items()]
    lines = [tuple(line.split(" ", 1)) for line in text.splitlines()]
    script = dict(line.split("=") for name, line in lines if name == "ENV")
    return "\n".join(
        [
            *steps,
            *(_command(*line, "image") for line in lines),
            _serving(script["ORTHANC__PYTHON_SCRIPT"], http_port, dicom_port),
        ]
    )


def _script(lines, context, http_port, dicom_port):
    commands = [_command(*line, context) for line in lines]
    script = SERVICES["orthanc"]["environment"]["ORTHANC__PYTHON_SCRIPT"]
    return "\n".join([IMAGE, *commands, _serving(script, http_port, dicom_port)])


def _command(instruction, argument, context):
    """Return an instruction of a Dockerfile as bash."""
    if instruction == "COPY":
        source, target = argument.split()
        return (
            f"mkdir -p {target.rpartition('/')[0]}\ncp -R {context}/{source} {target}"
        )
    return {"FROM": "", "RUN": argument, "ENV": f"export {argument}"}[instruction]


def _serving(script, http_port, dicom_port):
    found = configuration("orthanc")
    found |= {
        "Plugins": libraries(found, IN_DEBIAN),
        "PythonScript": script,
        "HttpPort": http_port,
        "DicomPort": dicom_port,
    }
    (example,) = SERVICES["example"]["command"]
    example = example.replace("orthanc:8042", f"orthanc:{http_port}")
    serve = SERVE.replace("@HTTP_PORT@", str(http_port)).replace("@PASSWORD@", PASSWORD)
    return "\n".join(
        [
            write("image.json", json.dumps(found)),
            serve.replace("@EXAMPLE@", shlex.quote(example)),
        ]
    )
