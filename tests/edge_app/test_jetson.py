"""A board's files, drawn up by hand after what owners of such boards have published of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_app.doctor import jetson as doctor_jetson
from edge_app.doctor.check import NOTE, OK
from edge_app.doctor.jetson import jetson_checks
from edge_app.machine import facts as machine
from edge_app.machine.jetson import read_jetson
from edge_app.machine.jetson_lines import jetson_lines

ORIN_NANO = {
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, "
    "EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025\n# KERNEL_VARIANT: oot\n",
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0",
    "proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0005-super\0nvidia,tegra234\0",
    "var/lib/nvpmodel/status": "pmode:0000",
    "etc/nvpmodel.conf": "# < POWER_MODEL ID=9 NAME=MAXN_SUPER >\n"
    "< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=1 NAME=25W >\n"
    "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n< POWER_MODEL ID=3 NAME=7W >\n"
    "< PM_CONFIG DEFAULT=1 >\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1497600\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_min_freq": "729600\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "1497600\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "schedutil\n",
    "sys/class/devfreq/17000000.gpu/cur_freq": "612000000\n",
    "sys/class/devfreq/17000000.gpu/min_freq": "306000000\n",
    "sys/class/devfreq/17000000.gpu/max_freq": "612000000\n",
    "sys/class/devfreq/17000000.gpu/governor": "nvhost_podgov\n",
    "sys/class/devfreq/15340000.vic/cur_freq": "435200000\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "51687\n",
    "sys/class/thermal/thermal_zone1/type": "gpu-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "52406\n",
    "sys/class/thermal/thermal_zone2/type": "cv0-thermal\n",
    "sys/class/thermal/thermal_zone2/temp": "-256000\n",
    "sys/class/thermal/cooling_device0/type": "cpufreq-cpu0\n",
    "sys/class/thermal/cooling_device0/cur_state": "0\n",
    "sys/class/thermal/cooling_device1/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device1/cur_state": "3\n",
    "sys/class/thermal/cooling_device2/type": "hot-surface-alert\n",
    "sys/class/thermal/cooling_device2/cur_state": "1\n",
    "sys/class/thermal/cooling_device3/type": "gpu-throttle-alert\n",
    "sys/class/thermal/cooling_device3/cur_state": "0\n",
    "sys/class/hwmon/hwmon1/name": "ina3221\n",
    "sys/class/hwmon/hwmon1/in1_label": "VDD_IN\n",
    "sys/class/hwmon/hwmon1/in1_input": "4984\n",
    "sys/class/hwmon/hwmon1/curr1_input": "1856\n",
    "sys/class/hwmon/hwmon1/in7_label": "sum of shunt voltages\n",
    "sys/class/hwmon/hwmon1/in7_input": "9\n",
    "sys/class/hwmon/hwmon1/curr7_input": "1\n",
    "sys/class/hwmon/hwmon2/name": "pwmfan\n",
    "sys/class/hwmon/hwmon2/pwm1": "76\n",
    "sys/class/hwmon/hwmon3/name": "soctherm_oc\n",
    "sys/class/hwmon/hwmon3/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon3/oc3_event_cnt": "2\n",
    "sys/class/hwmon/hwmon3/oc3_throt_en": "1\n",
    "sys/class/hwmon/hwmon4/name": "pwm_tach\n",
    "sys/class/hwmon/hwmon4/rpm": "1636\n",
    "proc/meminfo": "MemTotal:        7802840 kB\nMemFree:          100 kB\n"
    "MemAvailable:    5242880 kB\nSwapTotal:       3901408 kB\n",
    "proc/swaps": "Filename Type Size Used Priority\n/dev/zram0 partition 650232 0 5\n",
}
AGX_ORIN = {
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.0, GCID: 37537400, BOARD: generic\n",
    "proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=1 NAME=MODE_15W >\n"
    "< POWER_MODEL ID=3 NAME=MODE_50W >\n< PM_CONFIG DEFAULT=2 >\n",
    "var/lib/nvpmodel/status": "pmode:0000 fmode:quiet\n",
    "sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq": "2201600\n",
    "sys/devices/system/cpu/cpufreq/policy4/scaling_min_freq": "2201600\n",
    "sys/devices/system/cpu/cpufreq/policy4/scaling_max_freq": "2201600\n",
    "sys/class/devfreq/17000000.gpu/cur_freq": "1300500000\n",
    "sys/class/devfreq/17000000.gpu/min_freq": "1300500000\n",
    "sys/class/devfreq/17000000.gpu/max_freq": "1300500000\n",
    "sys/class/hwmon/hwmon0/name": "ina3221\n",
    "sys/class/hwmon/hwmon0/in1_label": "VDD_GPU_SOC\n",
    "sys/class/hwmon/hwmon0/in1_input": "19000\n",
    "sys/class/hwmon/hwmon0/curr1_input": "500\n",
    "sys/class/hwmon/hwmon0/in2_label": "NC\n",
    "sys/class/hwmon/hwmon0/in2_input": "1\n",
    "sys/class/hwmon/hwmon0/curr2_input": "1\n",
    "proc/meminfo": "MemTotal:       64349220 kB\nMemAvailable:   60000000 kB\n",
}
PC = {
    "proc/meminfo": ORIN_NANO["proc/meminfo"],
    "sys/class/thermal/thermal_zone0/type": "x86_pkg_temp\n",
    "sys/class/thermal/thermal_zone0/temp": "40000\n",
}


@pytest.fixture
def board(tmp_path):
    """Makes a folder that looks like the root of a board's file system."""

    def make(*parts: dict[str, str]) -> Path:
        root = tmp_path / "root"
        for name, text in {k: v for part in parts for k, v in part.items()}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return make


def test_an_orin_nano_is_read_as_it_stands(board):
    said = read_jetson(board(ORIN_NANO))

    assert said == {
        "board": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
        "l4t": "36.4.3",
        "jetpack": "6.2",
        "power_mode": {"id": 0, "name": "15W", "fastest": {"id": 2, "name": "MAXN_SUPER"}},
        "clocks_mhz": {
            "cpu0": {"now": 1498, "min": 730, "max": 1498},
            "gpu": {"now": 612, "min": 306, "max": 612},
        },
        "clocks_held": False,
        "temperatures_c": {"cpu": 51.7, "gpu": 52.4},
        "slowed_by": {"cpufreq-cpu0": 0, "gpu-throttle-alert": 0},
        "overcurrent": {"oc1": 0, "oc3": 2},
        "power_mw": {"VDD_IN": 9250},
        "memory_mb": {"total": 7619, "available": 5120, "swap": 3809, "disk_swap": 0},
        "fan": {"pwm": 76, "rpm": 1636},
    }


def test_an_agx_orin_with_its_clocks_held_is_at_its_best(board):
    said = read_jetson(board(AGX_ORIN))

    assert said["jetpack"] == "6.1"
    assert said["power_mode"] == {"id": 0, "name": "MAXN", "fastest": {"id": 0, "name": "MAXN"}}
    assert said["clocks_held"] is True
    assert said["power_mw"] == {"VDD_GPU_SOC": 9500}
    assert "overcurrent" not in said
    assert "fan" not in said


def test_a_pc_is_no_jetson(board):
    assert read_jetson(board(PC)) is None
    assert jetson_lines(None, None) == []
    assert jetson_checks(None) == []


def test_a_thor_is_known_by_its_gpu_and_its_governor(board):
    gpu = "sys/class/devfreq/gpu-gpc-0/"
    said = read_jetson(
        board(
            {
                "proc/device-tree/compatible": "nvidia,p3834-0008\0nvidia,tegra264\0",
                "etc/nv_tegra_release": "# R39 (release), REVISION: 2.0, GCID: 1\n",
                f"{gpu}cur_freq": "0\n",
                f"{gpu}min_freq": "315000000\n",
                f"{gpu}max_freq": "1575000000\n",
                f"{gpu}governor": "performance\n",
                "sys/class/devfreq/gpu-nvd-0/cur_freq": "1\n",
                "sys/class/hwmon/hwmon2/name": "ina238\n",
                "sys/class/hwmon/hwmon2/power1_input": "25500000\n",
            }
        )
    )

    assert said["jetpack"] == "7.2"
    assert said["clocks_mhz"] == {"gpu": {"now": 0, "min": 315, "max": 1575}}
    assert said["clocks_held"] is True
    assert said["power_mw"] == {"ina238": 25500}


def test_the_power_mode_of_the_boot_counts_until_one_is_chosen(board):
    root = board(ORIN_NANO)
    (root / "var/lib/nvpmodel/status").unlink()

    assert read_jetson(root)["power_mode"]["name"] == "25W"


@pytest.mark.parametrize("name", sorted(ORIN_NANO))
@pytest.mark.parametrize("instead", [None, "", "nonsense\n", "folder"])
def test_no_file_that_is_missing_or_odd_ends_the_reading(board, name, instead):
    root = board(ORIN_NANO)
    (root / name).unlink()
    if instead == "folder":
        (root / name).mkdir()
    elif instead is not None:
        (root / name).write_text(instead)

    said = read_jetson(root)

    assert said["memory_mb" if name != "proc/meminfo" else "fan"]
    assert jetson_lines(said, said)
    assert all(check.state in (OK, NOTE) for check in jetson_checks(said))


def test_a_board_that_says_nothing_is_still_a_jetson(board):
    said = read_jetson(board({"proc/device-tree/compatible": "nvidia,tegra234\0"}))

    assert said == {}
    assert jetson_lines(said, said) == [
        "a Jetson that tells nothing of itself",
        "whether it throttled could not be read",
    ]
    assert {check.state for check in jetson_checks(said)} == {OK}


def test_a_benchmark_in_a_slow_mode_says_what_would_be_faster(board):
    now = read_jetson(board(ORIN_NANO))

    assert jetson_lines(now, now) == [
        "JetPack 6.2, L4T 36.4.3, power mode 15W, cpu0 at 1498 MHz, gpu at 612 MHz",
        "hottest part: gpu, 52 °C, 52 before; VDD_IN 9.2 W",
        "MAXN_SUPER is faster than 15W: sudo nvpmodel -m 2",
        "the clocks are free to vary, and runs with them: sudo jetson_clocks",
        "no throttling was seen, neither in the counters nor at the end",
    ]


def test_what_slowed_a_benchmark_down_is_told(board):
    before = read_jetson(board(ORIN_NANO))
    after = read_jetson(
        board(
            ORIN_NANO,
            {
                "sys/class/hwmon/hwmon3/oc3_event_cnt": "6\n",
                "sys/class/thermal/cooling_device3/cur_state": "1\n",
                "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "1190400\n",
                "var/lib/nvpmodel/status": "pmode:0003",
            },
        )
    )

    lines = jetson_lines(before, after)

    assert "the power mode changed from 15W to 7W" in lines
    assert "the limit of the cpu0 clock fell from 1498 to 1190 MHz" in lines
    assert "slowed down by heat: gpu-throttle-alert; cool it better" in lines
    assert "slowed down 4 times (oc3): the current peaked too high; use a stronger supply" in lines
    assert not any("no throttling" in line for line in lines)


@pytest.mark.parametrize(
    ("after_hz", "fell"), [(612_000_000, True), (1_300_500_000, False), (0, False)]
)
def test_a_clock_that_was_held_must_not_fall(board, after_hz, fell):
    """A GPU with nothing to do may tell 0."""
    before = read_jetson(board(AGX_ORIN))
    after = read_jetson(
        board(AGX_ORIN, {"sys/class/devfreq/17000000.gpu/cur_freq": f"{after_hz}\n"})
    )

    told = [line for line in jetson_lines(before, after) if "fell" in line]
    assert told == (["the gpu clock fell from 1300 to 612 MHz"] if fell else [])


def test_a_clock_that_is_gone_after_a_benchmark_is_told():
    """Another power mode turns a cluster of the processor off."""
    before = {"clocks_mhz": {"cpu8": {"max": 2000, "now": 2000}}}

    told = jetson_lines(before, {"clocks_mhz": {}})

    assert "the cpu8 clock was turned off meanwhile, or cannot be read any more" in told


def test_clocks_that_are_free_may_fall_when_the_work_ends(board):
    before = read_jetson(board(ORIN_NANO))
    after = read_jetson(
        board(ORIN_NANO, {"sys/class/devfreq/17000000.gpu/cur_freq": "306000000\n"})
    )

    assert not any("fell" in line for line in jetson_lines(before, after))


def test_a_jetson_is_part_of_the_machine(board, monkeypatch):
    root = board(ORIN_NANO)
    monkeypatch.setattr(machine, "read_jetson", lambda: read_jetson(root))

    assert machine.describe_machine()["jetson"]["jetpack"] == "6.2"


def test_the_machine_says_nothing_of_jetsons_on_a_pc(board, monkeypatch):
    root = board(PC)
    monkeypatch.setattr(machine, "read_jetson", lambda: read_jetson(root))

    assert "jetson" not in machine.describe_machine()


def test_the_doctor_tells_a_slow_jetson_what_to_do(board):
    checks = {check.name: check for check in jetson_checks(read_jetson(board(ORIN_NANO)))}

    assert checks["Jetson"].found.endswith("Developer Kit Super, JetPack 6.2, L4T 36.4.3")
    assert checks["power mode"].state == NOTE
    assert "sudo nvpmodel -m 2 (MAXN_SUPER)" in checks["power mode"].remedy
    assert "sudo jetson_clocks" in checks["clocks"].remedy
    assert checks["memory to build"].state == NOTE
    assert "sudo swapon /swapfile" in checks["memory to build"].remedy


def test_the_doctor_leaves_a_fast_jetson_alone(board):
    checks = jetson_checks(read_jetson(board(AGX_ORIN)))

    assert {check.state for check in checks if check.name != "OpenCV with NumPy"} == {OK}


def test_swap_on_a_disk_is_room_to_build(board):
    swaps = ORIN_NANO["proc/swaps"] + "/swapfile file 8388604 0 -2\n"
    checks = {
        check.name: check
        for check in jetson_checks(read_jetson(board(ORIN_NANO, {"proc/swaps": swaps})))
    }

    assert checks["memory to build"].state == OK
    assert "8191 MB of swap on a disk" in checks["memory to build"].found


@pytest.mark.parametrize(
    ("origin", "numpy", "state"),
    [
        ("/usr/lib/python3.10/dist-packages/cv2/__init__.py", "2.2.6", NOTE),
        ("/usr/lib/python3.10/dist-packages/cv2/__init__.py", "1.26.4", OK),
        ("/home/me/.venv/lib/python3.10/site-packages/cv2/__init__.py", "2.2.6", OK),
    ],
)
def test_numpy_2_does_not_fit_the_systems_opencv(monkeypatch, origin, numpy, state):
    spec = type("Spec", (), {"origin": origin})
    monkeypatch.setattr(doctor_jetson.importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(doctor_jetson, "installed", lambda name: numpy)

    check = doctor_jetson.check_numpy_fits({})

    assert check.state == state
    assert ("numpy<2" in check.remedy) is (state == NOTE)


def test_a_file_system_that_is_not_there_is_no_jetson():
    assert read_jetson(Path("/nowhere/at/all")) is None
