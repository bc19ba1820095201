"""SampleData without downloads: keeps the registered sources, with the original's checks."""

from dataclasses import dataclass

import slicer


@dataclass
class SampleDataSource:
    """One sample: equally many URIs, file names, node names, types, flags and checksums."""

    sampleName: str = None
    uris: object = None
    fileNames: object = None
    nodeNames: object = None
    customDownloader: object = None
    thumbnailFileName: str = None
    loadFileTypes: object = None
    loadFiles: object = None
    loadFileProperties: dict = None
    checksums: object = None
    loadFileType: object = None

    def __post_init__(self):
        if self.loadFileType is not None and self.loadFileTypes is not None:
            raise ValueError("loadFileType and loadFileTypes cannot be specified at the same time")
        one, count = isinstance(self.uris, str), 1 if isinstance(self.uris, str) else len(self.uris)
        for name in ("uris", "fileNames", "nodeNames", "loadFileTypes", "loadFiles", "checksums"):
            value = getattr(self, name)
            setattr(self, name, [value] if one else value or [None] * count)
            if len(getattr(self, name)) != count or not one and name == "fileNames" and not value:
                raise ValueError("All fields of sample data source must have the same length")


class SampleDataLogic:
    @staticmethod
    def registerCustomSampleDataSource(category="Custom", **kwargs):
        sources, source = SampleDataLogic.sampleDataSourcesByCategory(), SampleDataSource(**kwargs)
        if source not in sources.setdefault(category, []):
            sources[category].append(source)

    @staticmethod
    def sampleDataSourcesByCategory(category=None):
        sources = vars(slicer.modules).setdefault("sampleDataSources", {})
        return sources if category is None else sources.get(category, [])
