"""PySide6 objects under PythonQt's rules: what api.json does not list does not exist, properties are attributes.

Every rule here was observed in a real Slicer (../shared/pythonqt.md, 5.1 and 5.3, probe numbers in brackets). Where
the real thing is lenient in a way that the panel does not need, this refuses.
"""

import enum
import inspect
import json
import sys
import types
import weakref
from pathlib import Path

import shiboken6
from PySide6 import QtCore

from arguments import VtkArgumentError, convert_property, match_overload

API = json.loads(Path(__file__).with_name("api.json").read_text())
CLASSES = {}        # PythonQt class name: the wrapper class
_wrappers = weakref.WeakValueDictionary()   # address of the C++ object: its only wrapper [D2]
_connections = {}   # address of the sender: [(signature, callable, deliverer)]
SYNONYMS = {"exec_": "exec"}         # both spellings exist in PythonQt
PYSIDE_NAMES = {"raise": "raise_"}


class QtEnum(int):
    """An enumerator: an int [C1] that remembers what PySide6 needs as an argument."""

    def __new__(cls, member):
        self = super().__new__(cls, member.value)
        self.member = member
        return self

    def __or__(self, other):
        if isinstance(other, QtEnum) and type(other.member) is type(self.member):
            return QtEnum(self.member | other.member)
        return int(self) | int(other)

    __str__ = __repr__ = int.__repr__


class Scope:
    """What `qt.Qt.AlignmentFlag` is: a name before enumerators [C2]."""

    def __init__(self, enumeration):
        self._enumeration = enumeration

    def __getattr__(self, name):
        return QtEnum(getattr(self._enumeration, name))


def unwrap(value):
    """What PySide6 is given for a value of Python code."""
    if isinstance(value, Instance):
        return value._alive("use")
    if isinstance(value, QtEnum):
        return value.member
    if isinstance(value, list | tuple):
        return [unwrap(item) for item in value]
    return value


def wrap(value):
    """What Python code is given for a value of PySide6: lists as tuples [C8], enumerators as ints, objects wrapped."""
    if isinstance(value, enum.Enum):
        return QtEnum(value)
    if isinstance(value, list | tuple):
        return tuple(wrap(item) for item in value)
    if isinstance(value, dict):
        return {str(key): wrap(item) for key, item in value.items()}
    if isinstance(value, QtCore.QObject):
        known = _wrappers.get(shiboken6.getCppPointer(value)[0])
        if known is not None and known._qt is value:
            return known
        meta = value.metaObject()
        while meta.className() not in CLASSES:
            meta = meta.superClass()
        return _adopt(CLASSES[meta.className()], value)
    if isinstance(value, shiboken6.Shiboken.Object):
        return _adopt(CLASSES.get(type(value).__name__) or add_value_class(type(value)), value)
    return value


def _adopt(cls, value):
    self = object.__new__(cls)
    object.__setattr__(self, "_qt", value)
    if isinstance(value, QtCore.QObject):
        _wrappers[shiboken6.getCppPointer(value)[0]] = self
    return self


def call(qt_object, name, args, signatures=()):
    """Call a method of a PySide6 object; wrong arguments are a ValueError [C13], wrong VTK objects a TypeError."""
    label = f"{type(qt_object).__name__}.{name}"
    if signatures:
        args = match_overload(name, signatures, args)
    function = getattr(qt_object, PYSIDE_NAMES.get(name, name), None)
    if function is None:
        raise NotImplementedError(f"the host does not do {label}; extend it if the panel needs it")
    args = [unwrap(arg) for arg in args]
    if isinstance(function, types.MethodType):
        try:
            inspect.signature(function).bind(*args)
        except TypeError as error:
            raise ValueError(f"Called {label} with wrong arguments: {error}") from None
        return wrap(function(*args))
    try:
        return wrap(function(*args))
    except VtkArgumentError:
        raise
    except TypeError as error:
        raise ValueError(f"Called {label} with wrong arguments: {tuple(args)}: {error}") from None


class Slot:
    """A method, bound to a wrapper or (owner None) reached through the class [H3]."""

    def __init__(self, owner, cls, name):
        self._owner, self._cls, self.__name__ = owner, cls, name

    def __call__(self, *args, **kwargs):
        if kwargs:
            raise ValueError(f"Called {self.__name__} with keyword arguments, but called slot does not support kwargs.")
        owner, args = self._owner, list(args)
        if owner is None:
            if not (args and isinstance(args[0], Instance)):
                return call(self._cls._pyside, self.__name__, args)
            owner = args.pop(0)
        qt_object = owner._alive(f"Trying to call '{self.__name__}'")
        if self.__name__ in SPECIAL and self._cls._signals:     # a QObject's
            return SPECIAL[self.__name__](owner, *args)
        return call(qt_object, self.__name__, args, self._cls._methods[self.__name__])

    def __eq__(self, other):
        return isinstance(other, Slot) and (self._owner, self.__name__) == (other._owner, other.__name__)

    def __hash__(self):
        return hash((self._owner, self.__name__))

    def __repr__(self):
        return f"<qt slot {self.__name__} of {self._cls.__name__} instance>"


class Signal:
    """`widget.clicked`: to connect, or to emit by calling it [B5, B15]."""

    def __init__(self, owner, name):
        self._owner, self._name = owner, name
        self._signature = next(s for s in type(owner)._signals if s.startswith(name + "("))

    def connect(self, function):
        return connect(self._owner, self._signature, function)

    def disconnect(self, *function):
        return disconnect(self._owner, self._signature, *function)

    def emit(self, *args):
        qt_object = self._owner._alive("emit")
        _pyside_signal(qt_object, self._signature).emit(*(unwrap(arg) for arg in args))

    __call__ = emit


def _pyside_signal(qt_object, signature):
    """The PySide6 signal; classes of the host name theirs in SIGNALS, because PySide6 knows no vtkMRMLNode*."""
    names = getattr(qt_object, "SIGNALS", {})
    return getattr(qt_object, names.get(signature, signature.split("(")[0]))


def accepted(function, args):
    """The arguments that a callable is given: no more than a plain function declares [B6]."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS:
        return args
    return args[:code.co_argcount - isinstance(function, types.MethodType)]


def connect(sender, signature, receiver, slot=None):
    """True, or False and a printed line where there is no such signal [B2 to B4]; never raises for that."""
    signature = signature.replace(" ", "")
    qt_object = sender._alive("connect")
    if signature not in type(sender)._signals:
        print(f"QObject::connect: No such signal {type(sender).__name__}::{signature}", file=sys.stderr)
        return False
    if slot is not None:
        name, arguments = slot.replace(" ", "")[:-1].split("(", 1)
        wanted, given = arguments.split(",") if arguments else [], signature[:-1].split("(", 1)[1].split(",")
        if wanted not in type(receiver)._methods.get(name, []) or given[:len(wanted)] != wanted:
            print(f"QObject::connect: No such slot {type(receiver).__name__}::{slot}", file=sys.stderr)
            return False
        bound, count = Slot(receiver, type(receiver), name), len(wanted)
        function = bound
    else:
        if not callable(receiver):
            raise ValueError(f"Called connect with wrong arguments: {receiver!r} is not callable")
        bound, function, count = None, receiver, None

    def run(*args):     # must not refer to the sender, which would never be destroyed then [F3]
        if bound is not None and not receiver:
            return      # Qt ends the connections of a destroyed receiver
        args = [wrap(arg) for arg in args][:count]
        try:
            function(*accepted(function, args))
        except Exception:   # printed, never propagated to whoever emitted [B14, L2]
            sys.excepthook(*sys.exc_info())

    emitted = signature.count(",") + (not signature.endswith("()"))
    deliver = [lambda: run(), lambda a: run(a), lambda a, b: run(a, b)][emitted]    # PySide6 counts the parameters
    _pyside_signal(qt_object, signature).connect(deliver)
    address = shiboken6.getCppPointer(qt_object)[0]
    if address not in _connections:
        _connections[address] = []
        qt_object.destroyed.connect(lambda *_: _connections.pop(address, None))
    _connections[address].append((signature, function, deliver))
    return True


def disconnect(sender, *args):
    """Undo the connections to one callable, or all of a signal; True if there were any [B9]."""
    if not 1 <= len(args) <= 3 or not isinstance(args[0], str):
        raise ValueError(f"Could not find matching overload for given arguments: {args}")
    function = args[1] if len(args) == 2 else Slot(args[1], type(args[1]), args[2].split("(")[0]) if args[1:] else None
    known = _connections.get(shiboken6.getCppPointer(sender._alive("disconnect"))[0], [])
    gone = [c for c in known if c[0] == args[0].replace(" ", "") and function in (None, c[1])]
    for connection in gone:
        _pyside_signal(sender._qt, connection[0]).disconnect(connection[2])
        known.remove(connection)
    return bool(gone)


def disconnect_all(sender):
    """Undo every connection that Python code made to a sender (the host's reset)."""
    for signature in {c[0] for c in _connections.get(shiboken6.getCppPointer(sender._qt)[0], [])}:
        disconnect(sender, signature)


def _find_children(owner, *args):
    if not args or len(args) > 2:
        raise ValueError(f"Could not find matching overload for given arguments: {args}")
    kind = args[0] if isinstance(args[0], str) else args[0].__name__    # a str is a class name [D1]
    found = owner._qt.findChildren(QtCore.QObject)
    return tuple(wrap(o) for o in found if o.inherits(kind) and args[1:] in ((), (o.objectName(),)))


def _property(owner, name):
    if name in owner._properties:
        return getattr(owner, name)
    return wrap(owner._qt.property(name))


SPECIAL = {
    "className": lambda owner: owner._qt.metaObject().className(),
    "delete": lambda owner: shiboken6.delete(owner._qt),
    "connect": connect,
    "disconnect": disconnect,
    "findChildren": _find_children,
    "findChild": lambda owner, *args: next(iter(_find_children(owner, *args)), None),
    "property": _property,
}


class QtClass(type):
    """The class of wrapper classes. Each stands alone: isinstance is true for the exact class only [D11]."""

    def __new__(mcs, name, bases, namespace, pyside=None):
        if pyside is None and namespace.get("__module__") != __name__:
            raise NotImplementedError("the host has no Python subclasses of Qt classes")
        return super().__new__(mcs, name, bases, namespace)

    def __init__(cls, name, bases, namespace, pyside=None):
        super().__init__(name, bases, namespace)
        cls._pyside = pyside

    def __call__(cls, *args, **kwargs):
        if kwargs:
            raise ValueError(f"Called {cls.__name__} with keyword arguments, but called slot does not support kwargs.")
        try:
            return _adopt(cls, cls._pyside(*(unwrap(arg) for arg in args)))
        except TypeError as error:
            raise ValueError(f"Could not find matching overload for given arguments: {args}: {error}") from None

    def __getattr__(cls, name):
        listed = name in cls._methods or not cls._signals and hasattr(cls._pyside, name)    # PySide6 hides enumerators
        if not name.startswith("_") and listed:
            found = getattr(cls._pyside, PYSIDE_NAMES.get(name, name), None)
            return class_member(found) if not callable(found) or isinstance(found, type) else Slot(None, cls, name)
        raise AttributeError(f"type object '{cls.__name__}' has no attribute '{name}'")


def class_member(found):
    """What a name of a PySide6 class is in PythonQt: an enumerator, the scope of some, or itself."""
    if isinstance(found, enum.Enum):
        return QtEnum(found)
    return Scope(found) if isinstance(found, type) and issubclass(found, enum.Enum) else found


class Instance(metaclass=QtClass):
    """A QObject, seen from Python code."""

    __slots__ = ("_qt", "__weakref__")

    def _alive(self, doing):
        if not shiboken6.isValid(self._qt):     # [D6]
            raise ValueError(f"{doing} on a destroyed {type(self).__name__} object")
        return self._qt

    def __getattr__(self, name):
        cls, qt_object = type(self), self._alive(f"Trying to read property '{name}'")
        if name == "name":      # CTK builds PythonQt with this synonym [A15]
            name = "objectName"
        if name in cls._properties:
            return self._read(name)
        if any(signal.startswith(name + "(") for signal in cls._signals):
            return Signal(self, name)
        if SYNONYMS.get(name, name) in cls._methods:
            return Slot(self, cls, SYNONYMS.get(name, name))
        if self._has_dynamic(name):
            return wrap(qt_object.property(name))
        child = qt_object.findChild(QtCore.QObject, name) if cls._signals else None
        if child is None:
            raise AttributeError(f"{cls.__name__} has no attribute named '{name}'")
        return wrap(child)

    def _has_dynamic(self, name):
        return bool(self._signals) and name.encode() in [n.data() for n in self._qt.dynamicPropertyNames()]

    def _read(self, name):
        own = inspect.getattr_static(type(self._qt), name, None)
        if isinstance(own, QtCore.Property):
            value = getattr(self._qt, name)
        elif self._qt.metaObject().indexOfProperty(name) < 0:
            raise AttributeError(f"the host does not do the property {type(self).__name__}.{name}")
        else:
            try:
                value = self._qt.property(name)
            except RuntimeError:    # PySide6 has no converter for some flags
                value = getattr(self._qt, name)()
        value = wrap(value)
        return int(value) if isinstance(value, QtEnum) else value   # [C3, C4]

    def __setattr__(self, name, value):
        cls, qt_object = type(self), self._alive(f"Trying to write property '{name}'")
        name = "objectName" if name == "name" else name
        kind = cls._properties.get(name)
        if kind is None:
            if self._has_dynamic(name):
                qt_object.setProperty(name, unwrap(value))
            elif SYNONYMS.get(name, name) in cls._methods:   # [E5, H6]
                raise AttributeError(f"Slot '{name}' can not be overwritten on {cls.__name__} object")
            else:   # [A12]
                raise AttributeError(f"'{name}' does not exist on {cls.__name__} and creating new attributes on C++ "
                                     "objects is not allowed")
            return
        if kind.endswith(" read-only"):     # [A10]
            raise AttributeError(f"Property '{name}' of {cls.__name__} object is not writable")
        value = unwrap(convert_property(name, kind, value))
        if isinstance(inspect.getattr_static(type(qt_object), name, None), QtCore.Property):
            setattr(qt_object, name, value)
            return
        try:
            current = qt_object.property(name)
        except RuntimeError:
            current = getattr(qt_object, name)()
        if isinstance(current, enum.Enum):
            getattr(qt_object, "set" + name[0].upper() + name[1:])(type(current)(getattr(value, "value", value)))
        else:
            qt_object.setProperty(name, value)

    def __dir__(self):
        return [*self._properties, *self._methods, *(s.split("(")[0] for s in self._signals)]

    def __bool__(self):
        return shiboken6.isValid(self._qt)

    def __eq__(self, other):
        return self is other or (other is None and not self)

    def __hash__(self):
        return id(self)

    def __repr__(self):
        name = f'(, name="{self._qt.objectName()}")' if self and self._signals else "" if self else "(nil)"
        return f"{type(self).__name__} {name}"


def add_value_class(pyside):
    """The wrapper class for a PySide6 value class (QSize, QIcon ...): its methods only [C6]; nothing lists them."""
    namespace = {"_properties": {}, "_signals": [], "_methods": dict.fromkeys(dir(pyside), ()), "__slots__": (),
                 "__eq__": lambda self, other: type(self) is type(other) and self._qt == other._qt, "__hash__": None}
    CLASSES[pyside.__name__] = QtClass(pyside.__name__, (Instance,), namespace, pyside=pyside)
    return CLASSES[pyside.__name__]


def add_class(name, pyside):
    """The wrapper class for a PySide6 class, made from its entry of api.json."""
    properties, signals, methods = {}, [], {}
    entry = name
    while entry:
        properties = API[entry]["properties"] | properties
        signals = signals + API[entry]["signals"]
        methods = API[entry]["methods"] | methods
        entry = API[entry]["base"]
    namespace = {"_properties": properties, "_signals": signals, "_methods": methods, "__slots__": ()}
    CLASSES[name] = QtClass(name, (Instance,), namespace, pyside=pyside)
    return CLASSES[name]
