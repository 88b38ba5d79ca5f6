"""Models larger than the stored ones, made now, through the test of the stored ones."""

import os
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, os.path.join(here, "make.py"), "large", folder], check=True)
    sys.exit(subprocess.run([sys.argv[1], folder]).returncode)
