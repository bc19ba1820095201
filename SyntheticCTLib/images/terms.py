"""The words a label's name may be made of: anatomy, disease and what people call label maps.

Names from files and headers go into public records. Which of their words name a patient nobody can tell, so only
words known to name something else come through. The list holds the words of TotalSegmentator's classes, of common
radiotherapy and lung structures, and of this project's phantoms.
"""

from __future__ import annotations

import re

_SIDES = """left right l r anterior posterior superior inferior upper middle lower medial lateral proximal distal
central peripheral dorsal ventral apical basal cranial caudal internal external inner outer main common deep
whole total partial bilateral both"""

_ANATOMY = """abdomen abdominal adrenal airway airways alveolar aorta aortic appendage appendix arm arms artery
arteries arterial atrial atrium autochthon autochthonous back biliary bladder blood body bone bones bowel brachial
brachiocephalic brain breast bronchi bronchial bronchus carina carotid cartilage cartilages caecum cava caval cavity
cecum cerebral cervical chest clavicle clavicula colon coronary cord cortex costal diaphragm diaphragmatic disc duct
ducts duodenum ear esophagus eye face fascia fat fatty femoral femur fissure fissures gallbladder gastric gland glands
gluteus great gyrus head heart hepatic hilar hilum hip humerus ilia iliac iliaca iliacus ilium iliopsoas intestine
intrapulmonary intercostal jejunum ileum jugular kidney kidneys larynx leg legs limb liver lobe lobes lumbar lung
lungs lymph mandible marrow maximus medius minimus mediastinal mediastinum mesentery muscle muscles myocardium neck
nerve node nodes oesophagus omentum organ organs ovary pancreas pancreatic parenchyma pelvic pelvis pericardium
pericardial peritoneal peritoneum pharynx pleura pleural portal prostate psoas pulmonary rectum renal retroperitoneal
rib ribs sacral sacrum scapula seminal skeletal skeleton skin skull small large soft spinal spine spleen splenic
sternum stomach subclavian subcutaneous subsegment segment segments thigh thoracic thorax thymus thyroid tissue torso
trachea tracheobronchial tree trunk ureter urethra urinary uterus vagina valve vein veins vena venous ventricle
ventricles vertebra vertebrae vertebral vesicle vesicles vessel vessels viscera visceral wall"""

_DISEASE = """abnormality abscess adenopathy air aneurysm ascites atelectasis benign bleeding calcification
calcifications calcium cancer carcinoma cavitation clot consolidation covid cyst cysts disease edema effusion embolism
emphysema fibrosis fluid focal fracture glass ground hematoma hemorrhage honeycombing implant infarct infection
infiltrate inflammation lesion lesions lymphoma malignant mass masses metastasis metastases metastatic metal necrosis
necrotic nodule nodules opacity opacities pneumonia pneumothorax primary recurrence sarcoma scar secondary solid
stenosis stent stone stones subsolid thickening thrombus tumor tumors tumour tumours"""

_MAPS = """annotation annotations auto autolabel autolabels autoseg background binary blob combined contour contours
ctv final foreground gt gtv itv iso label labels labelmap ll ln lobar lul lll rul rml rll manual map mask masks merged
multi oar pred prediction predictions ptv region regions roi seg segmentation segmentations segs shape structure
structures threshold totalsegmentator truth unlabelled volume other none unknown of and in the with layer ct
nonlung table"""

TERMS = frozenset(f"{_SIDES} {_ANATOMY} {_DISEASE} {_MAPS}".split())

_WORD = re.compile(r"[^\W_]+")
_LEVEL = re.compile(r"[ctls]\d{1,2}", re.ASCII)
"""A vertebra: C7, T12, L5, S1."""
_NUMBER = re.compile(r"\d{1,2}", re.ASCII)


def is_known(word: str) -> bool:
    """Whether a word (letters and digits) names anatomy, a disease or a label map."""
    return word.lower() in TERMS or bool(_LEVEL.fullmatch(word.lower()))


def is_known_name(name: str) -> bool:
    """Whether all words of a name are known; one number of up to two digits may stand beside them ("rib 4")."""
    words = _WORD.findall(name)
    others = [word for word in words if not _NUMBER.fullmatch(word)]
    return bool(others) and len(words) - len(others) <= 1 and all(is_known(word) for word in others)
