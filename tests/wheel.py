"""Build the sdist, the wheel from it, install that alone, and compile a model with it.

    python tests/wheel.py

What an editable install hides shows here: a folder that the sdist lacks, a file that the wheel
lacks. The dependencies come from the environment that runs this, through a `.pth` file, so that
nothing is downloaded; `tfrc` itself comes from the wheel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "examples" / "digits" / "digits.pb"


def run(*command: object, cwd: Path) -> None:
    """Run a command; end with its code if it fails."""
    print("$", *command, flush=True)
    environment = {"CARGO_TARGET_DIR": str(ROOT / "target"), **os.environ, "PYTHONPATH": ""}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=environment, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} ended with code {done.returncode}")


def sites() -> list[str]:
    """Where the packages of this environment are."""
    return sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def main() -> None:
    """Build, install, compile, and test the crate."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        python = work / "venv" / "bin" / "python"
        # From the sdist: `build` unpacks it and builds the wheel there.
        run(
            sys.executable,
            "-m",
            "build",
            "--no-isolation",
            "--outdir",
            work / "dist",
            ROOT,
            cwd=work,
        )
        (wheel,) = (work / "dist").glob("*.whl")
        venv.create(work / "venv", with_pip=True)
        run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel, cwd=work)
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        target = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
        # The paths come behind the wheel's own, and without the editable install's hook.
        (Path(target.stdout.strip()) / "dependencies.pth").write_text("\n".join(sites()) + "\n")
        check = f"import tfrc; assert {str(work)!r} in tfrc.__file__, tfrc.__file__"
        run(python, "-c", check, cwd=work)
        run(work / "venv" / "bin" / "tfrc", "compile", MODEL, "-o", "digits", cwd=work)
        if shutil.which("cargo"):
            command = ("cargo", "test", "--quiet", "--release", "--test", "predictions")
            run(*command, cwd=work / "digits")
        print(f"{wheel.name} installs alone, and the crate it makes agrees with TensorFlow")


if __name__ == "__main__":
    main()
