"""The version of the package: that of the repository, in the top CMakeLists.txt."""

__version__ = "0.1.0"
