"""SampleData without downloads: keeps the registered sources, each with a customDownloader, after the checks."""

import types

import slicer


class SampleDataLogic:
    @staticmethod
    def registerCustomSampleDataSource(category="Custom", *, sampleName, uris, fileNames, nodeNames, customDownloader,
                                       thumbnailFileName=None):
        if not len(uris) == len(fileNames) == len(nodeNames):
            raise ValueError("All fields of sample data source must have the same length")
        source = types.SimpleNamespace(sampleName=sampleName, uris=uris, fileNames=fileNames, nodeNames=nodeNames,
                                       customDownloader=customDownloader, thumbnailFileName=thumbnailFileName)
        sources = vars(slicer.modules).setdefault("sampleDataSources", {}).setdefault(category, [])
        if source not in sources:
            sources.append(source)
