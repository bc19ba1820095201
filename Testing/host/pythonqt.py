"""PySide6 objects under PythonQt's rules: what api.json does not list does not exist, properties are attributes.

Every rule here was observed in a real Slicer (../shared/pythonqt.md, 5.1 and 5.3, probe numbers in brackets). Where
the real thing is lenient in a way that the panel does not need, or offers what it does not use, this refuses.
"""

import enum
import functools
import inspect
import json
import sys
import types
import weakref
from pathlib import Path

import shiboken6
from PySide6 import QtCore

from arguments import convert_property, match_overload

API = json.loads(Path(__file__).with_name("api.json").read_text(encoding="utf-8"))
CLASSES = {}        # PythonQt class name: the wrapper class
_wrappers = weakref.WeakValueDictionary()   # address of the C++ object: its only wrapper [D2]
_connections = {}   # address of the sender: [(signature, callable, deliverer)]


def unwrap(value):
    """What PySide6 is given for a value of Python code."""
    return value._alive("use") if isinstance(value, Instance) else value


def wrap(value):
    """What Python code is given for a value of PySide6: lists as tuples [C8], enumerators as ints, objects wrapped."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list | tuple):
        return tuple(wrap(item) for item in value)
    if isinstance(value, QtCore.QObject):
        known = _wrappers.get(_address(value))
        if known is not None and known._qt is value:
            return known
        meta = value.metaObject()
        while meta.className() not in CLASSES:
            meta = meta.superClass()
        cls = CLASSES[meta.className()]
        return cls._adopt(object.__new__(cls), value)
    if isinstance(value, shiboken6.Shiboken.Object):
        raise AttributeError(f"the host does not do {type(value).__name__}")
    return value


def _address(qt_object):
    return shiboken6.getCppPointer(qt_object)[0]


@functools.cache    # so that bound ones compare equal
def slot(name):
    """A method of wrappers. Wrong arguments are a ValueError [C13], wrong VTK objects a TypeError."""
    def run(owner, *args, **kwargs):
        if kwargs:
            raise ValueError(f"Called {name} with keyword arguments, but called slot does not support kwargs.")
        qt_object, overloads = owner._alive(f"Trying to call '{name}'"), owner._methods[name]
        if overloads and name not in SPECIAL:
            args = match_overload(name, overloads, args)
        function = functools.partial(SPECIAL[name], owner) if name in SPECIAL else getattr(qt_object, name)
        try:
            return wrap(function(*(unwrap(arg) for arg in args)))
        except TypeError as error:
            raise ValueError(f"Called {type(owner).__name__}.{name} with wrong arguments: {args}: {error}") from None

    return run


def _pyside_signal(qt_object, signature):
    """The PySide6 signal; classes of the host name theirs in SIGNALS, because PySide6 knows no vtkMRMLNode*."""
    return getattr(qt_object, getattr(qt_object, "SIGNALS", {}).get(signature, signature.split("(")[0]))


def connect(sender, signature, function):
    """True, or False and a printed line where there is no such signal [B2 to B4]; never raises for that."""
    if not isinstance(signature, str) or not callable(function):
        raise ValueError(f"Called connect with wrong arguments: {signature!r}, {function!r}")
    signature, qt_object = signature.replace(" ", ""), sender._qt
    if signature not in sender._signals:
        print(f"QObject::connect: No such signal {type(sender).__name__}::{signature}", file=sys.stderr)
        return False
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    every = code is None or code.co_flags & inspect.CO_VARARGS
    taken = None if every else code.co_argcount - isinstance(function, types.MethodType)    # no more are given [B6]

    def run(*args):     # must not refer to the sender, which would never be destroyed then [F3]
        try:
            function(*[wrap(arg) for arg in args][:taken])
        except Exception:   # printed, never propagated to whoever emitted [B14, L2]
            sys.excepthook(*sys.exc_info())

    emitted = signature.count(",") + (not signature.endswith("()"))
    deliver = [lambda: run(), lambda a: run(a), lambda a, b: run(a, b)][emitted]    # PySide6 counts the parameters
    _pyside_signal(qt_object, signature).connect(deliver)
    address = _address(qt_object)
    if address not in _connections:
        _connections[address] = []
        qt_object.destroyed.connect(lambda *_: _connections.pop(address, None))
    _connections[address].append((signature, function, deliver))
    return True


def disconnect(sender, signature, function=None):
    """Undo the connections to one callable, or all of a signal; True if there were any [B9]."""
    known = _connections.get(_address(sender._qt), [])
    gone = [c for c in known if c[0] == signature.replace(" ", "") and function in (None, c[1])]
    for connection in gone:
        _pyside_signal(sender._qt, connection[0]).disconnect(connection[2])
        known.remove(connection)
    return bool(gone)


SPECIAL = {
    "className": lambda owner: owner._qt.metaObject().className(),
    "delete": lambda owner: shiboken6.delete(owner._qt), "connect": connect, "disconnect": disconnect,
}


class Instance:
    """A QObject, seen from Python code. Each class stands alone: isinstance is true for the exact class only [D11]."""

    __slots__ = ("_qt", "__weakref__")

    def __init_subclass__(cls):
        if cls.__module__ != __name__:
            raise NotImplementedError("the host has no Python subclasses of Qt classes")

    def __init__(self, *args, **kwargs):
        if kwargs:
            raise ValueError(f"Called {type(self).__name__} with keyword arguments, which it does not support")
        try:
            self._adopt(self._pyside(*(unwrap(arg) for arg in args)))
        except TypeError as error:
            raise ValueError(f"Could not find matching overload for given arguments: {args}: {error}") from None

    def _adopt(self, qt_object):
        object.__setattr__(self, "_qt", qt_object)
        _wrappers[_address(qt_object)] = self
        return self

    def _alive(self, doing):
        if not self:    # [D6]
            raise ValueError(f"{doing} on a destroyed {type(self).__name__} object")
        return self._qt

    def __getattr__(self, name):
        qt_object = self._alive(f"Trying to read property '{name}'")
        name = "objectName" if name == "name" else name     # CTK builds PythonQt with this synonym [A15]
        if name in self._properties:
            try:
                return wrap(qt_object.property(name))   # an enumerator is a plain int [C3, C4]
            except RuntimeError as error:   # PySide6 has no converter for some flags
                raise AttributeError(f"the host does not do {type(self).__name__}.{name}: {error}") from None
        if name in self._methods and (name in SPECIAL or hasattr(qt_object, name)):
            return types.MethodType(slot(name), self)
        raise AttributeError(f"{type(self).__name__} has no attribute named '{name}', or the host does not do it")

    def __setattr__(self, name, value):
        cls, qt_object = type(self), self._alive(f"Trying to write property '{name}'")
        name = "objectName" if name == "name" else name
        if name in cls._methods:    # [E5, H6]
            raise AttributeError(f"Slot '{name}' can not be overwritten on {cls.__name__} object")
        if name not in cls._properties:     # [A12]
            raise AttributeError(f"'{name}' does not exist on {cls.__name__} and creating new attributes on C++ "
                                 "objects is not allowed")
        if not qt_object.setProperty(name, convert_property(name, cls._properties[name], value)):
            raise AttributeError(f"Property '{name}' of {cls.__name__} object does not take {value!r}")

    def __bool__(self):
        return shiboken6.isValid(self._qt)

    def __eq__(self, other):
        return self is other or (other is None and not self)

    __hash__ = object.__hash__


def add_class(pyside):
    """Make the wrapper class of a PySide6 class, from its entry of api.json; what the host has not got is left out."""
    properties, signals, methods, entry = {}, [], {}, pyside.__name__
    while entry:
        properties = API[entry]["properties"] | properties
        signals = signals + API[entry]["signals"]
        methods = API[entry]["methods"] | methods
        entry = API[entry]["base"]
    done = {name: kind for name, kind in properties.items() if pyside.staticMetaObject.indexOfProperty(name) >= 0}
    namespace = {"_properties": done, "_signals": signals, "_methods": methods, "_pyside": pyside, "__slots__": (),
                 "__module__": __name__, **getattr(pyside, "ENUMERATORS", {})}
    CLASSES[pyside.__name__] = type(pyside.__name__, (Instance,), namespace)
    return pyside
