"""slicer.i18n without translations."""


def translate(context, text):
    return text


def tr(text):
    return text
