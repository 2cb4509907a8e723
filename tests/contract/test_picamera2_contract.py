"""The project's code and the fake picamera2, held to what was recorded of three real versions."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from tests.contract import picamera2_dump as dumped
from tests.contract.picamera2_uses import Recorded, excess, problems, records

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WHOLE = json.loads((HERE / "picamera2.json").read_text())
RECORDS = records(WHOLE)
EVERY = pytest.mark.parametrize("record", RECORDS, ids=[record.version for record in RECORDS])
FEWEST_USES = 40


def project_files() -> dict[str, str]:
    """The files that speak to picamera2."""
    paths = sorted((ROOT / "edge_app" / "sources").glob("picamera*.py"))
    return {path.name: path.read_text() for path in paths}


# ---- the project's code -----------------------------------------------------------------


@EVERY
def test_the_project_asks_picamera2_only_for_what_it_has(record):
    found = {name: problems(text, record) for name, text in project_files().items()}

    assert [f"{name}, {said}" for name, (all_said, _) in found.items() for said in all_said] == []
    assert sum(count for _, count in found.values()) >= FEWEST_USES


def test_no_other_file_speaks_to_picamera2():
    for place in ("edge_app", "deploy", "calibration"):
        for path in sorted((ROOT / place).rglob("*.py")):
            if not path.name.startswith("picamera"):
                assert 'require("picamera2"' not in path.read_text(), path
                assert "import picamera2" not in path.read_text(), path


WRONG = {
    "a misspelt method": ("camera.configre(1)", "Picamera2.configre is not there"),
    "a method of another class": ("request.make_picture('main')", "make_picture is not there"),
    "a misspelt attribute": ("camera.post_calback = None", "Picamera2.post_calback is not there"),
    "a wrong keyword": ("camera.start(preview=False)", "takes no preview"),
    "an argument too many": ("camera.close(1)", "is given too much"),
    "an argument too few": ("request.make_array()", "lacks name"),
    "a wrong keyword of the class": ("picamera2.Picamera2(number=0)", "takes no number"),
    "a wrong option": ("camera.create_video_configuration(buffers=4)", "takes no buffers"),
    "a wrong key": (
        "camera.create_video_configuration(main={'sise': 1})",
        "sise is no key of stream",
    ),
    "a wrong answer": ("given['mian']", "mian is no key of camera_configuration"),
    "a wrong word about a camera": ("info['Modell']", "Modell is no key of camera_info"),
    "a wrong control": ("camera.set_controls({'AeEnabled': 0})", "AeEnabled is no control"),
    "a wrong turn": ("libcamera.Transform(rotate=180)", "takes no rotate"),
    "a wrong side": ("flipped.hflipped", "Transform.hflipped is not there"),
}


@pytest.mark.parametrize(("code", "said"), WRONG.values(), ids=WRONG.keys())
def test_code_that_picamera2_would_refuse_is_found(code, said):
    (found, *more), _ = problems(code, RECORDS[-1])

    assert said in found
    assert more == []


def test_what_only_some_versions_have_is_found_in_the_others():
    code = "camera.cancel_all_and_flush()"

    assert [len(problems(code, record)[0]) for record in RECORDS] == [1, 0, 0]


# ---- the fake ---------------------------------------------------------------------------


def fake_classes(record: Recorded) -> list[str]:
    """What the fakes have too much."""
    picamera2, libcamera = (
        importlib.import_module("picamera2"),
        importlib.import_module("libcamera"),
    )
    return [
        *excess(picamera2.Picamera2, record, "Picamera2"),
        *excess(picamera2.CompletedRequest, record, "CompletedRequest"),
        *excess(libcamera.Transform, record, "Transform"),
    ]


@EVERY
def test_the_fake_has_nothing_that_picamera2_has_not(pi, record):
    assert fake_classes(record) == []


@EVERY
def test_the_fakes_objects_have_nothing_that_the_real_ones_have_not(pi, record):
    """What is set on an object, its methods aside."""
    picamera2 = importlib.import_module("picamera2")
    camera = picamera2.Picamera2()
    request = picamera2.CompletedRequest({"index": 0}, camera)
    request.release()
    camera.close()

    for owner, one in {"Picamera2": camera, "CompletedRequest": request}.items():
        own = {name for name in vars(one) if not name.startswith("_")}
        assert own <= set(record.of_class(owner)["attributes"])


@EVERY
def test_the_fakes_keys_and_controls_are_the_real_ones(pi, record):
    picamera2 = importlib.import_module("picamera2")
    camera = picamera2.Picamera2()
    config = camera.create_video_configuration(main={"size": (64, 48), "format": "RGB888"})
    controls = set(camera.camera_controls)
    info = set(camera.global_camera_info()[0]) - {"Num"}  # which 0.3.12 does not say
    camera.close()

    assert set(config) <= set(record.entry["camera_configuration"])
    assert set(config["main"]) <= set(record.entry["stream_configuration"])
    assert controls <= set(WHOLE["libcamera"]["controls"])
    assert info <= set(record.entry["camera_info"])


def test_a_fake_that_has_too_much_is_found(pi):
    picamera2 = importlib.import_module("picamera2")
    picamera2.Picamera2.read_frame = lambda self: None
    picamera2.Picamera2.start = lambda self, config=None, window=False: None
    picamera2.Picamera2.close = staticmethod(lambda: None)
    picamera2.CompletedRequest.age_s = property(lambda self: 0.0)

    assert fake_classes(RECORDS[-1]) == [
        "Picamera2.close: static or not",
        "Picamera2.read_frame",
        "Picamera2.start(window)",
        "CompletedRequest.age_s",
    ]


# ---- the record -------------------------------------------------------------------------


@EVERY
def test_the_record_is_what_the_real_source_says(record):
    """From the package registry; skipped where none can be reached."""
    try:
        modules = dumped.download(record.version)
    except dumped.UnavailableError as exc:
        pytest.skip(f"picamera2 {record.version} cannot be had: {exc}")

    assert dumped.dump(modules) == record.entry


def test_a_record_that_differs_from_the_source_is_found():
    modules = {
        "picamera2.py": "class Picamera2:\n def start(self, config): self.started = 1\n"
        " @staticmethod\n def global_camera_info(): return {'Id': 1, 'Model': 2}\n"
        " @property\n def camera_controls(self): self._hidden = 1\n",
        "request.py": "class CompletedRequest:\n def release(self) -> None: pass\n",
        "configuration.py": "class StreamConfiguration:\n _ALLOWED_FIELDS = ('size',)\n"
        "class CameraConfiguration:\n _ALLOWED_FIELDS = ('main', 'queue')\n",
    }

    assert dumped.dump(modules) == {
        "classes": {
            "Picamera2": {
                "methods": {"global_camera_info": "static ()", "start": "(self, config)"},
                "attributes": ["camera_controls", "started"],
            },
            "CompletedRequest": {"methods": {"release": "(self)"}, "attributes": []},
        },
        "camera_configuration": ["main", "queue"],
        "stream_configuration": ["size"],
        "camera_info": ["Id", "Model"],
    }


def test_the_record_of_libcamera_is_the_one_in_the_script():
    assert WHOLE["libcamera"] == dumped.LIBCAMERA
