"""slicer.parameterNodeWrapper for the types that the panel uses; anything else is refused.

What is stored in the node, and under which name, is what Slicer stores, so that scenes are interchangeable: numbers
as text, bool as True or False, an enumeration by its name, a node as a node reference beside an empty parameter, a
member of a union under `name.INDEX`.
"""

import enum
import functools
import types
import typing
import weakref
from dataclasses import dataclass

import vtk

import ctk
import qt
import slicer

PROPERTY = "SlicerParameterName"    # the dynamic property of a bound widget


@dataclass
class WithinRange:
    minimum: float
    maximum: float

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within range [{self.minimum}, {self.maximum}], is {value}")


def _split(annotated):
    """(type, its annotations)."""
    return (annotated.__origin__, annotated.__metadata__) if hasattr(annotated, "__metadata__") else (annotated, ())


def _is(kind, base):
    return isinstance(kind, type) and issubclass(kind, base)


def _members(kind):
    """The members of a union; the type itself where it is none."""
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)


class _Type:
    """One type of value: what it takes, and how it is written."""

    def __init__(self, annotated, in_union):
        self.kind, self.ranges = _split(annotated)
        self.is_node, self.is_enum = _is(self.kind, slicer.vtkMRMLNode), _is(self.kind, enum.Enum)
        ranged = all(type(each) is WithinRange for each in self.ranges) and (self.kind is float or not self.ranges)
        plain = self.kind is type(None) if in_union else self.is_enum or self.kind in (bool, float, str)
        if not ranged or not self.is_node and not plain:
            raise Exception(f"Unable to create serializer for type: {self.kind}")
        self.default = next(iter(self.kind)) if self.is_enum else None if self.is_node else self.kind()

    def validate(self, value):
        if value is None and self.kind in (bool, float, str):
            raise ValueError("Value must not be None")
        kinds = (int, float) if self.kind is float else self.kind
        if not isinstance(value, kinds) and (value is not None or self.is_enum):
            raise TypeError(f"Value must be of type '{kinds}', is type '{type(value)}' value '{value}'")
        for each in self.ranges:
            each.validate(value)

    def write(self, node, name, value):
        text = "" if self.is_node else value.name if self.is_enum else "True" if value is None else str(value)
        node.SetParameter(name, text)
        if self.is_node:
            node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node, name):
        text = node.GetParameter(name)
        if self.is_node or self.kind is type(None):
            return node.GetNodeReference(name) if self.is_node else None
        if self.is_enum and text not in self.kind.__members__:
            raise ValueError(f"Found {text!r} in parameter node but it is not a name in {self.kind!r}")
        if self.is_enum:
            return self.kind[text]
        return text == "True" if self.kind is bool else self.kind(text)


class _Stored:
    """How a parameter lies in the node: under its name, a member of a union of nodes under `name.INDEX`."""

    def __init__(self, annotated):
        members = _members(annotated)
        self.union = len(members) > 1
        self.types = {f".{n}" if self.union else "": _Type(kind, self.union) for n, kind in enumerate(members)}
        self.default = None if self.union else self.types[""].default

    def index(self, node, name):
        """Under which of its names the parameter is there; None if it is not."""
        return next((index for index in self.types if node.HasParameter(name + index)), None)

    def write(self, node, name, value):
        index = next((n for n, each in self.types.items() if not self.union or isinstance(value, each.kind)), None)
        if index is None:
            raise TypeError(f"Unable to write value '{value}' of type '{type(value)}'")
        self.types[index].validate(value)
        with slicer.util.NodeModify(node):
            for old in self.types if self.union else ():
                node.UnsetParameter(name + old)
                node.RemoveNodeReferenceIDs(name + old)
            self.types[index].write(node, name + index, value)

    def read(self, node, name):
        index = self.index(node, name)
        return self.types[index].read(node, name + index)


def _binding(widget, datatype):
    """(signal, read, write) between a widget of exactly this class and a parameter; RuntimeError for illegal pairs."""
    (kind, annotations), of = _split(datatype), type(widget)
    nodes = [member for member in _members(kind) if member is not type(None)]
    if kind is bool and of is qt.QCheckBox:
        return "stateChanged(int)", *_property(widget, "checked")
    if kind is float and of is ctk.ctkSliderWidget:
        if not annotations:
            raise RuntimeError("Cannot have a connection to ctkSliderWidget where the float types is unbounded.")
        widget.minimum, widget.maximum = annotations[0].minimum, annotations[0].maximum
        return "valueChanged(double)", *_property(widget, "value")
    if _is(kind, enum.Enum) and of is qt.QComboBox:
        widget.clear()
        widget.addItems([each.label() if hasattr(kind, "label") else each.name for each in kind])
        (read, write), values = _property(widget, "currentIndex"), list(kind)
        return "currentIndexChanged(int)", lambda: values[read()], lambda value: write(values.index(value))
    if of is slicer.qMRMLNodeComboBox and all(_is(node, slicer.vtkMRMLNode) for node in nodes):
        widget.nodeTypes = [node().GetClassName() for node in nodes]
        return "currentNodeChanged(vtkMRMLNode*)", widget.currentNode, widget.setCurrentNode
    raise RuntimeError(f"Unable to create GUI connector from datatype '{datatype}' to widget type '{of}'.")


def _property(widget, name):
    return lambda: getattr(widget, name), lambda value: setattr(widget, name, value)


class _Wrapper:
    """What the decorator adds to a class; its public names are reserved."""

    def __init__(self, parameterNode):
        self.parameterNode = parameterNode
        self._values, self._guis, self._updating = {}, {}, False
        mine = weakref.ref(self)    # else the node would keep the wrapper alive
        for name in self.allParameters:
            self._reread(name)
            tag = parameterNode.AddObserver(      # one each: VTK's order of calls depends on how many there are
                vtk.vtkCommand.ModifiedEvent, lambda *_, name=name: mine() and mine()._reread(name))
            weakref.finalize(self, parameterNode.RemoveObserver, tag)

    def _reread(self, name):
        """Values are those of the last ModifiedEvent or of an own write, as in Slicer."""
        stored, default, _ = self.allParameters[name]
        if stored.index(self.parameterNode, name) is None:
            stored.write(self.parameterNode, name, default)
        self._values[name] = stored.read(self.parameterNode, name)

    def _parameter(self, name):
        if name not in self.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}; there are {list(self.allParameters)}")
        return self.allParameters[name]

    def dataType(self, name):
        return self._parameter(name)[2]

    def default(self, name):
        return types.SimpleNamespace(value=self._parameter(name)[1])

    def getValue(self, name):
        return self._parameter(name) and self._values[name]

    def setValue(self, name, value):
        stored = self._parameter(name)[0]
        with slicer.util.NodeModify(self.parameterNode):    # read back before any observer asks
            stored.write(self.parameterNode, name, value)
            self._values[name] = stored.read(self.parameterNode, name)

    def connectGui(self, gui):
        """Bind every widget of `gui` that has the property SlicerParameterName; returns a tag for disconnectGui."""
        return self.connectParametersToGui({widget.property(PROPERTY): widget for widget in vars(gui).values()
                                            if widget.property(PROPERTY)})

    def connectParametersToGui(self, mapping):
        kinds, bound = [self.dataType(name) for name in mapping], []
        for (name, widget), (signal, read, write) in zip(
                mapping.items(), list(map(_binding, mapping.values(), kinds)), strict=True):
            write(self.getValue(name))
            bound.append((name, widget, signal, functools.partial(self._from_gui, name, read), write))
            widget.connect(signal, bound[-1][3])
        tag = len(self._guis)
        self._guis[tag] = (bound, self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._to_gui()))
        return tag

    def disconnectGui(self, tag):
        if self._guis.get(tag) is not None:
            bound, observer = self._guis[tag]
            for _, widget, signal, slot, _ in bound:
                widget.disconnect(signal, slot)
            self.RemoveObserver(observer)
            self._guis[tag] = None      # tags are never used twice

    def _from_gui(self, name, read, *_):
        with slicer.util.NodeModify(self):
            if not self._updating:
                self.setValue(name, read())

    def _to_gui(self):
        if self._updating:
            return
        self._updating = True
        try:
            with slicer.util.NodeModify(self):
                for bound, _ in filter(None, self._guis.values()):
                    for name, *_, write in bound:
                        write(self.getValue(name))
        finally:
            self._updating = False


for _name in ("StartModify", "EndModify", "AddObserver", "RemoveObserver", "Modified"):
    setattr(_Wrapper, _name, lambda self, *args, _name=_name: getattr(self.parameterNode, _name)(*args))


def parameterNodeWrapper(classtype):
    """Class decorator: annotated members become typed access to a vtkMRMLScriptedModuleNode."""
    parameters = {}
    for name, annotated in typing.get_type_hints(classtype, include_extras=True).items():
        try:
            stored = _Stored(annotated)
        except Exception as error:
            raise Exception(f"Unable to create serializer for {classtype} member {name}") from error
        parameters[name] = (stored, getattr(classtype, name, stored.default), annotated)
        setattr(classtype, name, property(lambda self, name=name: self.getValue(name),
                                          lambda self, value, name=name: self.setValue(name, value)))
    for name, member in {**vars(_Wrapper), "allParameters": parameters}.items():
        if name == "__init__" or not name.startswith("__"):
            if name != "__init__" and hasattr(classtype, name):
                raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
            setattr(classtype, name, member)
    return classtype
