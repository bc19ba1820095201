"""Exports of a cohort as DICOM: geometry, voxels, labels, and what the headers say; read back by others' readers."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from cohort_folders import everything_below, export, write_cohort
from volumes import GRIDS, ct, like, rotation, voxels

from SyntheticCTLib.errors import InputError
from SyntheticCTLib.images import Geometry, LabelLayer, read_ct

pydicom = pytest.importorskip("pydicom")
highdicom = pytest.importorskip("highdicom")

from SyntheticCTLib.cohort.export.dicom_ct import in_slice_order, write_ct  # noqa: E402
from SyntheticCTLib.cohort.export.dicom_marks import Person  # noqa: E402
from SyntheticCTLib.cohort.export.dicom_seg import segment_labels, write_seg  # noqa: E402
from SyntheticCTLib.cohort.export.segment_codes import LESIONS, ORGANS, segment_codes  # noqa: E402

NAMES = ("lung left", "lung_right", "liver tumor", "organs 4")
PERSON = Person("synthct_0007", "chest", "5" * 64, "c" * 64)


def labelled(image: sitk.Image, values=(0, 1, 2, 4)) -> LabelLayer:
    drawn = np.random.default_rng(1).choice(values, size=image.GetSize()[::-1]).astype(np.uint8)
    return LabelLayer("labels", like(image, drawn), dict(enumerate(NAMES, start=1)))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An export of two cases, one on an oblique grid, one left-handed; and the images and labels in it, by name."""
    folder = tmp_path_factory.mktemp("dicom")
    images = {"synthct_0001": ct(GRIDS["oblique"], 1), "synthct_0002": ct(GRIDS["left-handed"], 2)}
    cases = {name: (image, labelled(image)) for name, image in images.items()}
    cohort = write_cohort(folder / "cohort", [ct(seed=5), ct(seed=6)], cases, NAMES)
    export(cohort, folder / "out", format="dicom")
    return folder / "out", cases


def all_elements(dataset):
    """Every element of a dataset and of what is nested in it."""
    for element in dataset:
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from all_elements(item)


def headers(folder):
    return [pydicom.dcmread(file) for file in sorted(folder.rglob("*.dcm"))]


# --- the series


@pytest.mark.parametrize("name", GRIDS)
def test_our_reader_gets_the_same_voxels_in_the_same_places(tmp_path, name):
    image = ct(GRIDS[name])
    write_ct(image, tmp_path / "ct", PERSON)
    again, notes = read_ct(tmp_path / "ct")
    expected = sitk.Flip(image, [False, False, True]) if name == "left-handed" else image
    assert Geometry.of(again).same_as(Geometry.of(expected))
    assert np.array_equal(voxels(again), voxels(expected))
    assert not [note for note in notes if "single" not in note]
    everywhere = sitk.Resample(again, image, sitk.Transform(), sitk.sitkNearestNeighbor, 5000)
    assert np.array_equal(voxels(everywhere), voxels(image))


@pytest.mark.parametrize("name", [name for name in GRIDS if name != "single slice"])
def test_itks_reader_gets_them_too(tmp_path, name):
    image = ct(GRIDS[name])
    write_ct(image, tmp_path / "ct", PERSON)
    reader = sitk.ImageSeriesReader()
    assert len(reader.GetGDCMSeriesIDs(str(tmp_path / "ct"))) == 1
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "ct")))
    again = reader.Execute()
    expected = sitk.Flip(image, [False, False, True]) if name == "left-handed" else image
    assert Geometry.of(again).same_as(Geometry.of(expected))
    assert np.array_equal(voxels(again), voxels(expected))


def test_the_slices_run_along_the_normal_of_rows_and_columns(tmp_path):
    for name in ("left-handed", "oblique", "sagittal"):
        found = headers_in_order(tmp_path / name, ct(GRIDS[name]))
        row, column = np.reshape(np.array(found[0].ImageOrientationPatient, float), (2, 3))
        places = np.array([np.array(header.ImagePositionPatient, float) for header in found])
        steps = np.diff(places, axis=0) @ np.cross(row, column)
        assert np.allclose(steps, GRIDS[name].spacing[2], atol=1e-6)
        assert [header.InstanceNumber for header in found] == list(range(1, len(found) + 1))


def headers_in_order(folder, image):
    write_ct(image, folder, PERSON)
    return headers(folder)


def test_pixels_are_stored_as_scanners_do(tmp_path):
    image = ct(GRIDS["anisotropic"])
    first = headers_in_order(tmp_path / "ct", image)[0]
    assert (first.BitsStored, first.PixelRepresentation) == (12, 0)
    assert (first.RescaleSlope, first.RescaleIntercept) == (1, -1024)
    assert np.array_equal(first.pixel_array.astype(int) - 1024, voxels(image)[0])
    assert [float(value) for value in first.PixelSpacing] == [0.9, 0.7]  # between rows first
    assert float(first.SliceThickness) == 5.0


def test_the_whole_range_of_hu_survives(tmp_path):
    image = like(ct(), np.linspace(-1024, 3071, 9 * 8 * 7).astype(np.int16).reshape(7, 8, 9))
    write_ct(image, tmp_path / "ct", PERSON)
    assert np.array_equal(voxels(read_ct(tmp_path / "ct").image), voxels(image))


def test_a_sheared_grid_is_refused(tmp_path):
    direction = rotation(0, 0, 0)
    direction[:, 2] = (0.6, 0, 0.8)
    sheared = ct()
    Geometry((9, 8, 7), (1.0,) * 3, (0.0,) * 3, tuple(direction.ravel())).apply_to(sheared)
    with pytest.raises(InputError, match="sheared grid"):
        write_ct(sheared, tmp_path / "ct", PERSON)
    assert not (tmp_path / "ct").exists()


# --- what the headers say


def test_every_object_says_that_it_is_synthetic(exported):
    for header in headers(exported[0]):
        assert header.SyntheticData == "YES"
        assert header.ContentQualification == "RESEARCH"
        assert header.PatientIdentityRemoved == "YES"
        assert header.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert header.LongitudinalTemporalInformationModified == "REMOVED"
        assert header.BurnedInAnnotation == "NO"
        assert header.RecognizableVisualFeatures == "NO"
        assert header.ContributingEquipmentSequence[0].PurposeOfReferenceCodeSequence[0].CodeValue == "109100"
        assert str(header.PatientName).startswith("SYNTHETIC^synthct_")
        assert header.PatientID.startswith("SYNTHETIC-synthct_")
        assert header.PatientBirthDate == header.PatientSex == header.AccessionNumber == ""


def test_nothing_that_the_standard_asks_for_is_missing(exported):
    """Attributes of types 1 and 2 of the mandatory modules, by highdicom's copy of the standard's tables (PS3.3)."""
    from highdicom._standard_utils import get_iod_module_map, get_module_attribute_map, get_sop_class_iod_map

    folder = exported[0] / "dicom" / "synthct_0001"
    for file in (folder / "ct" / "00001.dcm", folder / "seg" / "labels.dcm"):
        header = pydicom.dcmread(file)
        modules = get_iod_module_map()[get_sop_class_iod_map()[header.SOPClassUID]]
        for module in (module["key"] for module in modules if module["usage"] == "M"):
            for attribute in get_module_attribute_map()[module]:
                if not attribute["path"] and attribute["type"] in ("1", "2"):
                    assert attribute["keyword"] in header, (module, attribute)
                    if attribute["type"] == "1":
                        assert header[attribute["keyword"]].value not in ("", None), (module, attribute)


def test_the_images_are_derived_and_name_no_source(exported):
    for header in headers(exported[0] / "dicom" / "synthct_0001" / "ct"):
        assert list(header.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
        assert "does not exist" in header.DerivationDescription
        assert header.DerivationCodeSequence[0].CodeMeaning == "Spatial resampling"
        assert header.BodyPartExamined == "CHEST"
        for keyword in ("SourceImageSequence", "ReferencedImageSequence", "ReferencedStudySequence"):
            assert keyword not in header
        assert not [element for element in header if element.tag.is_private]


def test_there_are_no_dates_and_times(exported):
    for header in headers(exported[0]):
        for element in all_elements(header):
            if element.VR in ("DA", "TM", "DT") and element.keyword not in ("ContentDate", "ContentTime"):
                assert element.value in ("", None), element
    segmentation = next((exported[0] / "dicom").rglob("labels.dcm"))
    assert pydicom.dcmread(segmentation).ContentDate == "19000101"  # must have a value


def test_a_face_is_announced(tmp_path):
    person = Person("synthct_0007", "head-neck", "5" * 64, "c" * 64)
    first = write_ct(ct(), tmp_path / "ct", person)[0]
    assert (first.RecognizableVisualFeatures, first.BodyPartExamined) == ("YES", "HEADNECK")


def test_a_name_too_long_for_dicom_is_refused():
    with pytest.raises(InputError, match="DICOM allows 54"):
        Person("x" * 55, "chest", "5" * 64, "c" * 64)


# --- UIDs


def test_uids_are_new_unique_and_tell_nothing(exported):
    found = headers(exported[0])
    instances = [header.SOPInstanceUID for header in found]
    assert len(set(instances)) == len(instances)
    assert len({header.StudyInstanceUID for header in found}) == 2
    assert len({header.SeriesInstanceUID for header in found}) == 4
    for header in found:
        for element in all_elements(header):
            if element.VR == "UI":
                assert element.value.startswith(("2.25.", "1.2.840.10008.")), element
                assert element.value.is_valid


def test_uids_depend_on_plan_case_and_voxels():
    others = [
        Person("synthct_0008", "chest", "5" * 64, "c" * 64),
        Person("synthct_0007", "chest", "6" * 64, "c" * 64),
        Person("synthct_0007", "chest", "5" * 64, "d" * 64),
    ]
    made = {person.uid("study") for person in (PERSON, *others)} | {PERSON.uid("ct"), PERSON.uid("ct", "1")}
    assert len(made) == 6
    assert PERSON.uid("study") == Person("synthct_0007", "head", "5" * 64, "c" * 64).uid("study")


def test_series_of_one_case_share_study_and_frame_of_reference(exported):
    found = headers(exported[0] / "dicom" / "synthct_0002")
    assert {header.Modality for header in found} == {"CT", "SEG"}
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName"):
        assert len({str(header.get(keyword)) for header in found}) == 1


# --- the segmentation


@pytest.mark.parametrize("name", ["synthct_0001", "synthct_0002"])
def test_highdicom_reads_the_labels_voxel_by_voxel(exported, name):
    folder, cases = exported
    image, labels = cases[name]
    segmentation = highdicom.seg.segread(folder / "dicom" / name / "seg" / "labels.dcm")
    slices = [header.SOPInstanceUID for header in headers(folder / "dicom" / name / "ct")]
    found = segmentation.get_pixels_by_source_instance(slices, combine_segments=True)
    assert np.array_equal(found, in_slice_order(voxels(labels.image), Geometry.of(image)))
    assert [segmentation.get_segment_description(n).SegmentLabel for n in (1, 2, 3, 4)] == list(NAMES)


@pytest.mark.parametrize("name", ["synthct_0001", "synthct_0002"])
def test_the_labels_lie_where_the_image_lies(exported, name):
    folder, cases = exported
    image, labels = cases[name]
    volume = highdicom.seg.segread(folder / "dicom" / name / "seg" / "labels.dcm").get_volume(combine_segments=True)
    index = np.argwhere(volume.array)
    places = volume.map_indices_to_reference(index)
    for (n, place), value in zip(enumerate(places), volume.array[tuple(index.T)], strict=True):
        if n % 7 == 0:
            assert labels.image[image.TransformPhysicalPointToIndex([float(v) for v in place])] == value


def test_the_segmentation_refers_to_its_own_series_only(exported):
    folder, _ = exported
    own = {header.SOPInstanceUID for header in headers(folder / "dicom" / "synthct_0001" / "ct")}
    segmentation = pydicom.dcmread(folder / "dicom" / "synthct_0001" / "seg" / "labels.dcm")
    referenced = {
        element.value for element in all_elements(segmentation) if element.keyword == "ReferencedSOPInstanceUID"
    }
    assert referenced
    assert referenced <= own


def test_segments_are_coded(exported):
    segmentation = highdicom.seg.segread(exported[0] / "dicom" / "synthct_0001" / "seg" / "labels.dcm")
    left, right, tumor, other = (segmentation.get_segment_description(n) for n in (1, 2, 3, 4))
    assert left.segmented_property_type.meaning == right.segmented_property_type.meaning == "Lung"
    sides = [
        segment.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning
        for segment in (left, right)
    ]
    assert sides == ["Left", "Right"]
    assert tumor.segmented_property_category.meaning == "Morphologically Abnormal Structure"
    assert tumor.anatomic_regions[0].meaning == "Liver"
    assert other.segmented_property_type.meaning == "Tissue"


def test_names_too_long_for_a_segments_label_stay_different_and_are_described_in_full(tmp_path):
    long = "lesion of the " + "posterior " * 5
    names = [f"{long}left", f"{long}right", "back\\slash", "liver"]
    assert len(names[0]) > 64
    slices = write_ct(ct(), tmp_path / "ct", PERSON)
    write_seg(np.zeros((7, 8, 9), np.uint8), names, slices, tmp_path / "labels.dcm", PERSON)
    segments = pydicom.dcmread(tmp_path / "labels.dcm").SegmentSequence
    labels = [segment.SegmentLabel for segment in segments]
    assert len(set(labels)) == 4 and all(len(label) <= 64 for label in labels)
    assert labels[0].startswith("lesion of the posterior") and labels[2:] == ["back/slash", "liver"]
    assert [segment.get("SegmentDescription") for segment in segments] == [*names[:3], None]


def test_a_shortened_name_is_never_another_ones():
    names = ["a" * 62 + "~2", "a" * 70, "a" * 62 + "~2"]
    labels = segment_labels(names)
    assert labels[0] == names[0] and len(set(labels)) == 3 and max(map(len, labels)) == 64


def test_a_map_without_any_label_can_be_written(tmp_path):
    image = ct()
    slices = write_ct(image, tmp_path / "ct", PERSON)
    write_seg(np.zeros((7, 8, 9), np.uint8), NAMES, slices, tmp_path / "labels.dcm", PERSON)
    segmentation = highdicom.seg.segread(tmp_path / "labels.dcm")
    found = segmentation.get_pixels_by_source_instance(
        [one.SOPInstanceUID for one in slices], combine_segments=True, assert_missing_frames_are_empty=True
    )
    assert not found.any()


@pytest.mark.parametrize(
    ("name", "meaning", "side", "region"),
    [
        ("lung left", "Lung", "Left", None),
        ("lung_upper_lobe_right", "Upper lobe of lung", "Right", None),
        ("ribs", "Rib", None, None),
        ("vertebrae_L5", "Vertebra", None, None),
        ("rib_left_4", "Rib", "Left", None),
        ("Kidney_R", "Kidney", "Right", None),
        ("pulmonary_artery", "Pulmonary artery", None, None),
        ("liver tumour", "Neoplasm", None, "Liver"),
        ("lung nodules", "Nodule", None, "Lung"),
        ("pulmonary metastases", "Neoplasm, Secondary", None, "Lung"),
        ("lesion 2", "Lesion", None, None),
        ("heart_atrium_left", "Tissue", "Left", None),
        ("left and right lung", "Lung", None, None),
        ("something", "Tissue", None, None),
    ],
)
def test_names_become_codes(name, meaning, side, region):
    codes = segment_codes(name)
    assert codes.type.meaning == meaning
    assert (codes.side.meaning if codes.side else None) == side
    assert (codes.region.meaning if codes.region else None) == region


def test_the_codes_are_snomeds():
    from pydicom.sr._concepts_dict import concepts

    known = {value: meaning for entry in concepts["SCT"].values() for value, (meaning, _) in entry.items()}
    for code in (*ORGANS.values(), *LESIONS.values()):
        assert code.value in known, code


# --- the whole export


def test_the_same_cohort_gives_the_same_bytes(exported, tmp_path):
    folder, _ = exported
    export(folder.parent / "cohort", tmp_path / "again", format="dicom")
    names = everything_below(folder)
    assert names == everything_below(tmp_path / "again")
    assert all((folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)


def test_the_table_says_where_series_and_segmentation_lie(exported):
    folder, _ = exported
    rows = (folder / "metadata.csv").read_text(encoding="utf-8").splitlines()
    assert "dicom/synthct_0001/ct,dicom/synthct_0001/seg/labels.dcm" in rows[1]
    assert "DICOM segmentation" in (folder / "README.md").read_text(encoding="utf-8")


def test_an_earlier_export_leaves_no_empty_folder(exported, tmp_path):
    cohort, out = exported[0].parent / "cohort", tmp_path / "out"
    shutil.copytree(exported[0], out)
    (tmp_path / "review.csv").write_text("case\nsynthct_0002\n", encoding="utf-8")
    export(cohort, out, format="dicom", exclude=str(tmp_path / "review.csv"), overwrite=True)
    assert [folder.name for folder in (out / "dicom").iterdir()] == ["synthct_0001"]
    export(cohort, out, overwrite=True)
    assert not (out / "dicom").exists() and (out / "imagesTr").is_dir()


def test_our_reader_takes_a_whole_case_folder(exported):
    folder, cases = exported
    image, _ = read_ct(folder / "dicom" / "synthct_0001")
    assert np.array_equal(voxels(image), voxels(cases["synthct_0001"][0]))
