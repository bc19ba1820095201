"""What PythonQt accepts for the C++ types of a property or a slot, and what it says when it refuses."""

import os


class VtkArgumentError(TypeError):
    """A VTK argument of the wrong class: the one wrong argument that is no ValueError."""


def object_name(value):
    """How a value is called in a message: the C++ class of a wrapped one."""
    return type(getattr(value, "_qt", value)).__name__


def _is_number(value):
    return hasattr(type(value), "__float__") and getattr(value, "shape", ()) == ()


def _is_vtk(kind, value):
    """True; the messages of the TypeError are the observed ones (S17)."""
    wanted = kind.rstrip("*")
    if value is not None and not hasattr(value, "IsA"):
        raise VtkArgumentError("method requires a VTK object")
    if value is not None and not value.IsA(wanted):
        raise VtkArgumentError(f"method requires a {wanted}, a {value.GetClassName()} was provided.")
    return True


# C++ type: (what is accepted, how it is converted). None is accepted as an empty string (C13, S17).
ARGUMENTS = {
    "QString": (lambda value: value is None or isinstance(value, str | os.PathLike),
                lambda value: os.fspath(value or "")),
    "int": (lambda value: hasattr(type(value), "__index__"), int),
    "double": (_is_number, float),
    "bool": (lambda value: isinstance(value, int), bool),
}
# The same for properties (A8): floats are truncated, everything becomes a string, a str falls apart into its letters.
PROPERTIES = {
    "QString": (lambda value: True, str),
    "QStringList": (lambda value: isinstance(value, str | list | tuple), lambda value: [str(item) for item in value]),
    "int": (_is_number, int), "double": ARGUMENTS["double"], "bool": ARGUMENTS["bool"],
}


def _fits(kind, value):
    if kind.startswith("vtk") and kind.endswith("*"):
        return _is_vtk(kind, value)
    return kind not in ARGUMENTS or ARGUMENTS[kind][0](value)   # other types are left to PySide6


def match_overload(name, overloads, args):
    """The arguments as the first overload that takes them wants them; ValueError if none does."""
    for overload in overloads:
        if len(overload) == len(args) and all(map(_fits, overload, args)):
            return [ARGUMENTS[kind][1](value) if kind in ARGUMENTS else value
                    for kind, value in zip(overload, args, strict=True)]
    known = " / ".join(f"{name}({','.join(overload)})" for overload in overloads)
    wrong = "arguments" if any(len(overload) == len(args) for overload in overloads) else "number of arguments"
    raise ValueError(f"Called {known} with wrong {wrong}: {tuple(args)}")


def convert_property(name, kind, value):
    """A value as a property's type takes it; AttributeError otherwise."""
    if kind in PROPERTIES and PROPERTIES[kind][0](value):
        return PROPERTIES[kind][1](value)
    is_enum = "::" in kind or not kind.startswith("Q") and kind not in PROPERTIES
    if is_enum and isinstance(value, int) or kind == "QVariant" or object_name(value) == kind:
        return value
    raise AttributeError(f"Property '{name}' of type '{kind}' does not accept an object of type "
                         f"{object_name(value)} ({value!r})")
