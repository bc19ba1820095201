"""slicer.parameterNodeWrapper for the types that the panel uses; anything else is refused.

What is stored in the node, and under which name, is what Slicer stores, so that scenes are interchangeable: numbers
and strings as text, bool as True or False, an enumeration by its name, a node as a node reference beside an empty
parameter, a member of a union under `name.INDEX`.
"""

import enum
import types
import typing
import weakref
from dataclasses import dataclass

import vtk

import ctk
import qt
import slicer

PROPERTY = "SlicerParameterName"    # the dynamic property of a bound widget
INFINITY = float("inf")


@dataclass
class WithinRange:
    minimum: float
    maximum: float

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within range [{self.minimum}, {self.maximum}], is {value}")


class Minimum(WithinRange):
    def __init__(self, minimum):
        super().__init__(minimum, INFINITY)


class Maximum(WithinRange):
    def __init__(self, maximum):
        super().__init__(-INFINITY, maximum)


@dataclass
class Choice:
    choices: list

    def validate(self, value):
        if value not in self.choices:
            raise ValueError(f"Value is {value}, but must be in one of the following: {self.choices}")


@dataclass
class Decimals:
    value: int


@dataclass
class SingleStep:
    value: float


class Default:
    def __init__(self, value=None, *, generator=None):
        self._make = generator or (lambda: value)

    value = property(lambda self: self._make())


def _first(annotations, kind):
    return next((annotation for annotation in annotations if type(annotation) is kind), None)


def _split(annotated):
    """(type, its annotations)."""
    return (annotated.__origin__, annotated.__metadata__) if hasattr(annotated, "__metadata__") else (annotated, ())


def _is(kind, base):
    return isinstance(kind, type) and issubclass(kind, base)


def _alternatives(kind):
    """The members of a union, empty where it is none."""
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else ()


class _Stored:
    """How values of one type lie in the parameter node."""

    def __init__(self, kind, annotations):
        self.kind, self.is_node, self.is_enum = kind, _is(kind, slicer.vtkMRMLNode), _is(kind, enum.Enum)
        if not self.is_node and not self.is_enum and kind not in (bool, int, float, str, type(None)):
            raise Exception(f"Unable to create serializer for type: {kind}")
        self.validators = [a for a in annotations if hasattr(a, "validate")]

    def default(self):
        return next(iter(self.kind)) if self.is_enum else None if self.is_node else self.kind()

    def takes(self, value):
        """Whether a union hands a value to this member."""
        kinds = slicer.vtkMRMLNode if self.is_node else self.kind
        return isinstance(value, kinds) if self.is_node or self.is_enum else type(value) is kinds

    def validate(self, value):
        if value is None and self.kind in (bool, int, float, str):
            raise ValueError("Value must not be None")
        kinds = (int, float) if self.kind is float else self.kind
        if not isinstance(value, kinds) and (value is not None or self.is_enum):
            raise TypeError(f"Value must be of type '{kinds}', is type '{type(value)}' value '{value}'")
        for validator in self.validators:
            validator.validate(value)

    def is_in(self, node, name):
        return node.HasParameter(name)

    def write(self, node, name, value):
        self.validate(value)
        text = "" if self.is_node else value.name if self.is_enum else "True" if value is None else str(value)
        node.SetParameter(name, str(bool(value)) if self.kind is bool else text)
        if self.is_node:
            node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node, name):
        text = node.GetParameter(name)
        if self.is_node or self.kind is type(None):
            return node.GetNodeReference(name) if self.is_node else None
        if self.is_enum:
            if text not in self.kind.__members__:
                raise ValueError(f"Found {text!r} in parameter node but it is not a name in {self.kind!r}")
            return self.kind[text]
        return text == "True" if self.kind is bool else self.kind(text)

    def remove(self, node, name):
        node.UnsetParameter(name)
        if self.is_node:
            node.RemoveNodeReferenceIDs(name)


class _StoredUnion:
    """A union: the value lies under `name.INDEX`, where INDEX is its type's."""

    def __init__(self, members, annotations):
        self.members = {f".{index}": _Stored(*_split(member)) for index, member in enumerate(members)}
        self.validators = [a for a in annotations if hasattr(a, "validate")]

    def default(self):
        first, second, *more = self.members.values()
        return None if second.kind is type(None) and not more else first.default()

    def is_in(self, node, name):
        return any(member.is_in(node, name + index) for index, member in self.members.items())

    def write(self, node, name, value):
        refused = TypeError(f"Unable to write value '{value}' of type '{type(value)}'")
        for validator in self.validators:
            validator.validate(value)
        for index, member in self.members.items():
            if not member.takes(value):
                continue
            try:
                member.validate(value)
            except (TypeError, ValueError) as error:
                refused = error
                continue
            with slicer.util.NodeModify(node):
                for old, other in self.members.items():
                    other.remove(node, name + old)
                member.write(node, name + index, value)
            return
        raise refused

    def read(self, node, name):
        return next(member.read(node, name + index) for index, member in self.members.items()
                    if member.is_in(node, name + index))


class _Connector:
    """Binds one widget to one parameter; illegal pairs are a RuntimeError. Classes are compared exactly."""

    def __init__(self, widget, datatype):
        kind, annotations = _split(datatype)
        self.widget, self._callback, of = widget, None, type(widget)
        nodes = [member for member in _alternatives(kind) or (kind,) if member is not type(None)]
        if kind is bool and of in (qt.QCheckBox, qt.QPushButton):
            self._bind("stateChanged" if of is qt.QCheckBox else "toggled", "checked")
            if of is qt.QPushButton:
                widget.checkable = True
        elif kind in (int, float) and of is ctk.ctkSliderWidget:
            self._bind_slider(kind, annotations)
        elif of is qt.QComboBox and (kind in (int, float, str, bool) or _is(kind, enum.Enum)):
            self._bind_combo(kind, annotations)
        elif kind is str and of is qt.QLabel:
            self._bind(None, "text")
        elif of is slicer.qMRMLNodeComboBox and all(_is(node, slicer.vtkMRMLNode) for node in nodes):
            self.signal, self.read, self.write = "currentNodeChanged", widget.currentNode, widget.setCurrentNode
            widget.nodeTypes = [node().GetClassName() for node in nodes]
        else:
            raise RuntimeError(f"Unable to create GUI connector from datatype '{datatype}' to widget type '{of}'.")

    def _bind(self, signal, attribute, convert=lambda value: value):
        self.signal = signal
        self.read = lambda: convert(getattr(self.widget, attribute))
        self.write = lambda value: setattr(self.widget, attribute, convert(value))

    def _bind_slider(self, kind, annotations):
        self._bind("valueChanged", "value", int if kind is int else lambda value: value)
        decimals, step = Decimals(0) if kind is int else _first(annotations, Decimals), _first(annotations, SingleStep)
        if decimals is not None:
            self.widget.decimals = decimals.value
        if step is not None:
            self.widget.singleStep = step.value
        both = _first(annotations, WithinRange)
        low, high = both or _first(annotations, Minimum), both or _first(annotations, Maximum)
        if low is None or high is None:
            raise RuntimeError("Cannot have a connection to ctkSliderWidget where the float types is unbounded.")
        self.widget.minimum, self.widget.maximum = low.minimum, high.maximum

    def _bind_combo(self, kind, annotations):
        choice = _first(annotations, Choice)
        if _is(kind, enum.Enum):
            values, texts = list(kind), [member.label() if hasattr(kind, "label") else member.name for member in kind]
        elif choice is not None:
            values, texts = list(choice.choices), [str(item) for item in choice.choices]
        else:
            raise RuntimeError("ComboBoxToStringableConnector requires the Choice annotation to be used.")
        self.widget.clear()
        self.widget.addItems(texts)
        self.signal, self.read = "currentIndexChanged", lambda: values[self.widget.currentIndex]
        self.write = lambda value: setattr(self.widget, "currentIndex", values.index(value))

    def changed(self):
        if self._callback:
            self._callback()

    def on_changed(self, callback):
        """Call back at every change of the widget; None ends it."""
        self._callback = callback
        if self.signal:
            signal = getattr(self.widget, self.signal)
            (signal.disconnect if callback is None else signal.connect)(self.changed)


class _Wrapper:
    """What the decorator adds to a class; its public names are reserved."""

    def __init__(self, parameterNode, prefix=None):
        self.parameterNode = parameterNode
        self._prefix, self._values, self._guis, self._updating = prefix or "", {}, {}, False
        mine = weakref.ref(self)    # else the node would keep the wrapper alive
        for name in self.allParameters:
            self._reread(name)
            tag = parameterNode.AddObserver(      # one each: VTK's order of calls depends on how many there are
                vtk.vtkCommand.ModifiedEvent, lambda *_, name=name: mine() and mine()._reread(name))
            weakref.finalize(self, parameterNode.RemoveObserver, tag)

    def _reread(self, name):
        """Values are those of the last ModifiedEvent or of an own write, as in Slicer."""
        stored, default, _ = self.allParameters[name]
        if not stored.is_in(self.parameterNode, self._prefix + name):
            stored.write(self.parameterNode, self._prefix + name, default.value)
        self._values[name] = stored.read(self.parameterNode, self._prefix + name)

    @classmethod
    def _parameter(cls, name):
        if name not in cls.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}; there are {list(cls.allParameters)}")
        return cls.allParameters[name]

    @classmethod
    def dataType(cls, name):
        return cls._parameter(name)[2]

    def default(self, name):
        return self._parameter(name)[1]

    def getValue(self, name):
        return self._parameter(name) and self._values[name]

    def setValue(self, name, value):
        stored = self._parameter(name)[0]
        with slicer.util.NodeModify(self.parameterNode):    # read back before any observer asks
            stored.write(self.parameterNode, self._prefix + name, value)
            self._values[name] = stored.read(self.parameterNode, self._prefix + name)

    def connectGui(self, gui):
        """Bind every widget of `gui` that has the property SlicerParameterName; returns a tag for disconnectGui."""
        widgets = gui.findChildren("QWidget") if hasattr(gui, "isWidgetType") else vars(gui).values()
        found = {widget.property(PROPERTY): widget for widget in widgets if widget.property(PROPERTY)}
        return self.connectParametersToGui(found)

    def connectParametersToGui(self, mapping):
        connectors = {name: _Connector(widget, kind) for (name, widget), kind in zip(
            mapping.items(), [self.dataType(name) for name in mapping], strict=True)}
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.on_changed(lambda name=name, connector=connector: self._from_gui(name, connector))
        tag = len(self._guis)
        self._guis[tag] = (connectors, self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._to_gui()))
        return tag

    def disconnectGui(self, tag):
        connectors, observer = self._guis.get(tag) or ({}, None)
        for connector in connectors.values():
            connector.on_changed(None)
        if observer is not None:
            self.RemoveObserver(observer)
            self._guis[tag] = None      # tags are never used twice

    def _from_gui(self, name, connector):
        with slicer.util.NodeModify(self):
            if not self._updating:
                self.setValue(name, connector.read())

    def _to_gui(self):
        if self._updating:
            return
        self._updating = True
        try:
            with slicer.util.NodeModify(self):
                for connectors, _ in filter(None, self._guis.values()):
                    for name, connector in connectors.items():
                        connector.write(self.getValue(name))
        finally:
            self._updating = False


def _forward(name):
    return lambda self, *args: getattr(self.parameterNode, name)(*args)


for _name in ("StartModify", "EndModify", "AddObserver", "RemoveObserver", "Modified"):
    setattr(_Wrapper, _name, _forward(_name))


def isParameterNodeWrapper(thing):
    return hasattr(thing, "allParameters")


def parameterNodeWrapper(classtype=None):
    """Class decorator: annotated members become typed access to a vtkMRMLScriptedModuleNode."""
    if classtype is None:
        return parameterNodeWrapper
    parameters = {}
    for name, annotated in typing.get_type_hints(classtype, include_extras=True).items():
        kind, annotations = _split(annotated)
        try:
            union = _alternatives(kind)
            stored = _StoredUnion(union, annotations) if union else _Stored(kind, annotations)
        except Exception as error:
            raise Exception(f"Unable to create serializer for {classtype} member {name}") from error
        default = Default(getattr(classtype, name)) if hasattr(classtype, name) else _first(annotations, Default)
        parameters[name] = (stored, default or Default(stored.default()), annotated)
        setattr(classtype, name, property(lambda self, name=name: self.getValue(name),
                                          lambda self, value, name=name: self.setValue(name, value)))
    for name, member in {**vars(_Wrapper), "allParameters": parameters}.items():
        if name == "__init__" or not name.startswith("__"):
            if name != "__init__" and hasattr(classtype, name):
                raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
            setattr(classtype, name, member)
    return classtype
