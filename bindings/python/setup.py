"""Marks a wheel that carries the shared library as one for this platform, and for every Python 3."""

import glob

from setuptools import Distribution, setup

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel


class BinaryWhenCarried(Distribution):
    def has_ext_modules(self):
        return bool(glob.glob("erlnode/liberlnode.*"))


class AnyPython(bdist_wheel):
    def get_tag(self):
        _, _, platform = super().get_tag()
        return "py3", "none", platform if self.distribution.has_ext_modules() else "any"


setup(distclass=BinaryWhenCarried, cmdclass={"bdist_wheel": AnyPython})
