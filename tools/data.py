"""`course.py data [NAME ...]`: lists the texts of the course, or downloads those named."""

import sys

from helpers.texts.corpora import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
