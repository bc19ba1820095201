"""What PythonQt accepts for the C++ types of a property or a slot, and what it says when it refuses."""


def _is_number(value):
    return hasattr(type(value), "__float__") and getattr(value, "shape", ()) == ()


# C++ type: (what is accepted, how it is converted). None is accepted as an empty string (C13, S17).
ARGUMENTS = {
    "QString": (lambda value: value is None or isinstance(value, str), lambda value: value or ""),
    "int": (lambda value: hasattr(type(value), "__index__"), int),
    "double": (_is_number, float),
    "bool": (lambda value: isinstance(value, int), bool),
}
# The same for properties (A8): floats are truncated, everything becomes a string, a str falls apart into its letters.
PROPERTIES = {
    "QString": (lambda value: True, str),
    "QStringList": (lambda value: isinstance(value, str | list | tuple), lambda value: [str(item) for item in value]),
    "int": (_is_number, int), "double": ARGUMENTS["double"], "bool": ARGUMENTS["bool"],
    "Icon": ARGUMENTS["int"], "StandardButtons": ARGUMENTS["int"], "Filters": ARGUMENTS["int"],
    "QKeySequence": (lambda value: type(value).__name__ == "QKeySequence", lambda value: value),    # no str
}


def _fits(kind, value):
    """Whether an argument fits; for VTK objects the messages of the TypeError are the observed ones (S17)."""
    if not (kind.startswith("vtk") and kind.endswith("*")):
        return kind not in ARGUMENTS or ARGUMENTS[kind][0](value)   # other types are left to PySide6
    wanted = kind.rstrip("*")
    if value is not None and not hasattr(value, "IsA"):
        raise TypeError("method requires a VTK object")
    if value is not None and not value.IsA(wanted):
        raise TypeError(f"method requires a {wanted}, a {value.GetClassName()} was provided.")
    return True


def match_overload(name, overloads, args):
    """The arguments as the first overload that takes them wants them; ValueError if none does."""
    for overload in overloads:
        if len(overload) == len(args) and all(map(_fits, overload, args)):
            return [ARGUMENTS[kind][1](value) if kind in ARGUMENTS else value
                    for kind, value in zip(overload, args, strict=True)]
    raise ValueError(f"Called {name} with wrong arguments: {tuple(args)}; it takes {overloads}")


def convert_property(name, kind, value):
    """A value as a property's type takes it; AttributeError otherwise."""
    if kind.endswith(" read-only"):     # [A10]
        raise AttributeError(f"Property '{name}' is not writable")
    if kind not in PROPERTIES or not PROPERTIES[kind][0](value):
        raise AttributeError(f"Property '{name}' of type '{kind}' does not accept an object of type "
                             f"{type(value).__name__} ({value!r})")
    return PROPERTIES[kind][1](value)
