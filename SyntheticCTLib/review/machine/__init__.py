"""A machine that reads a study beside the people: a classifier trained on other patients.

It sees how a scan is made up, voxel against voxel: noise and its grain, texture, steepness of edges, in lung and soft
tissue, on the study's grid and in its windows. It does not see anatomy: an organ in the wrong place, a rib that ends
nowhere, a body that cannot be. So it is the reader that people are not: where it tells the groups apart and they do
not, the pixels differ in a way that nobody looks at; where people do and it does not, they have seen something in the
picture. That it fails is no proof that nothing is there: it has few patients to learn from.
"""
