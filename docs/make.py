"""Makes the part of docs/ratchet.md that says what the code says: ./init.sh python docs/make.py"""

from pathlib import Path

from nightlatch.core.ruledoc import page

FILE = Path(__file__).with_name("ratchet.md")

if __name__ == "__main__":
    FILE.write_text(page(FILE.read_text(encoding="utf-8")), encoding="utf-8")
