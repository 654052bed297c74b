"""The parts of the pages that are made of the code and of the files of experiments: each a function to Markdown."""

from generate.agreement import agreement, differences
from generate.benchmarks import benchmarks
from generate.gallery import gallery
from generate.measured import measured_methods
from generate.messages_page import messages_page

GENERATED = {
    "agreement": agreement,
    "differences": differences,
    "benchmarks": benchmarks,
    "gallery": gallery,
    "measured methods": measured_methods,
    "messages": messages_page,
}
