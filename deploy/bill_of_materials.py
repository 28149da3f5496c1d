#!/usr/bin/python3
"""The bill of materials of an image, in SPDX 2.3 JSON.

    bill_of_materials.py write ROOT --version VERSION --created TIME --architecture ARCH > FILE
    bill_of_materials.py check FILE ROOT

ROOT is the image's file system as a folder, which names its Debian packages in
/var/lib/dpkg/status.d as deploy/Dockerfile leaves them there. TIME is the image's, as in
2026-01-31T12:00:00Z, so that the same image has the same bill.

`check` reads FILE again and exits 1, naming each fault, unless it has every field that SPDX asks
for, and each file of ROOT, once, with its checksum and the package that it is of.
"""
import argparse
import email
import hashlib
import json
import pathlib
import re
import sys
import urllib.parse

STATUS = "var/lib/dpkg/status.d"
PRODUCT = "boltzmann"
UNKNOWN = "NOASSERTION"  # SPDX's word for what the document does not claim to know


def files_of(root):
    """The regular files below `root`, in order of their names."""
    return sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink())


def digest(path, algorithm):
    """The checksum of a file, in hexadecimal."""
    return hashlib.new(algorithm, path.read_bytes()).hexdigest()


def identifier(kind, name):
    """An SPDX identifier: letters, digits, dots and dashes only."""
    return f"SPDXRef-{kind}-" + re.sub(r"[^A-Za-z0-9.-]", "-", name.strip("/"))


def debian_packages(root):
    """What dpkg says of each package: name to its fields, `md5sums` among them (a set)."""
    packages = {}
    for status in sorted((root / STATUS).iterdir()):
        if status.suffix == ".md5sums":
            continue
        fields = dict(email.message_from_string(status.read_text()).items())
        sums = status.with_name(status.name + ".md5sums").read_text()
        fields["md5sums"] = {line.split()[0] for line in sums.splitlines()}
        packages[fields["Package"]] = fields
    return packages


def owner_of(path, root, packages):
    """The name of the package that a file is of: the product's, if of no Debian package."""
    relative = path.relative_to(root).as_posix()
    documented = re.match(r"usr/share/doc/([^/]+)/copyright$", relative)
    if documented:
        return documented[1]
    if relative.startswith(STATUS):
        return path.name.removesuffix(".md5sums")
    md5 = digest(path, "md5")  # libraries are there by another name than dpkg knows
    owners = [name for name, fields in packages.items() if md5 in fields["md5sums"]]
    return owners[0] if owners else PRODUCT


def describe_file(path, root):
    """An SPDX file; version 2.3 asks for SHA-1, whatever else there is."""
    relative = path.relative_to(root).as_posix()
    return {
        "fileName": "./" + relative,
        "SPDXID": identifier("File", relative),
        "checksums": [{"algorithm": name, "checksumValue": digest(path, name.lower())}
                      for name in ("SHA1", "SHA256")],
        "licenseConcluded": UNKNOWN,
        "copyrightText": UNKNOWN,
    }


def describe_product(version, architecture):
    """The SPDX package of the server and the command."""
    return {
        "name": PRODUCT,
        "SPDXID": identifier("Package", PRODUCT),
        "versionInfo": version,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "copyrightText": UNKNOWN,
        "primaryPackagePurpose": "CONTAINER",
        "comment": f"The image for linux/{architecture}.",
    }


def describe_debian(fields):
    """The SPDX package of a Debian package."""
    name, version = fields["Package"], fields["Version"]
    quoted = urllib.parse.quote(version, safe="~")
    return {
        "name": name,
        "SPDXID": identifier("Package", name),
        "versionInfo": version,
        "supplier": "Organization: Debian (" + fields["Maintainer"] + ")",
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "licenseComments": f"/usr/share/doc/{name}/copyright, which is among the files",
        "copyrightText": UNKNOWN,
        "primaryPackagePurpose": "LIBRARY",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{name}@{quoted}"
                                f"?arch={fields['Architecture']}&distro=debian-12",
        }],
    }


def related(one, kind, other):
    """An SPDX relationship between two identifiers."""
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def bill(root, version, created, architecture):
    """The whole document, as a dictionary."""
    packages = debian_packages(root)
    files = files_of(root)
    product = identifier("Package", PRODUCT)
    contents = [related(identifier("Package", owner_of(path, root, packages)), "CONTAINS",
                        identifier("File", path.relative_to(root).as_posix())) for path in files]
    described = [describe_file(path, root) for path in files]
    whole = hashlib.sha256(json.dumps([described, created]).encode()).hexdigest()
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{PRODUCT}-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/{PRODUCT}-{version}-{whole}",
        "creationInfo": {"created": created,
                         "creators": ["Tool: boltzmann-bill_of_materials.py-" + version]},
        "packages": [describe_product(version, architecture)]
                    + [describe_debian(fields) for fields in packages.values()],
        "files": described,
        "relationships": [related("SPDXRef-DOCUMENT", "DESCRIBES", product)]
                         + [related(product, "DEPENDS_ON", identifier("Package", name))
                            for name in packages]
                         + contents,
    }


FIELDS = {
    "document": ("spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace",
                 "creationInfo", "packages", "files", "relationships"),
    "packages": ("name", "SPDXID", "versionInfo", "downloadLocation"),
    "files": ("fileName", "SPDXID", "checksums"),
    "relationships": ("spdxElementId", "relationshipType", "relatedSpdxElement"),
}


def missing_fields(document):
    """What SPDX asks for and is not there, or is empty."""
    if any(not document.get(field) for field in FIELDS["document"]):
        return [f"document: no {field}" for field in FIELDS["document"] if not document.get(field)]
    return [f"{kind}[{i}]: no {field}" for kind in ("packages", "files", "relationships")
            for i, element in enumerate(document[kind])
            for field in FIELDS[kind] if not element.get(field)]


def form_faults(document):
    """Values that SPDX does not allow, and identifiers that are used twice or lead nowhere."""
    faults = []
    if document["spdxVersion"] != "SPDX-2.3" or document["dataLicense"] != "CC0-1.0":
        faults.append("document: spdxVersion is not SPDX-2.3, or dataLicense not CC0-1.0")
    created = document["creationInfo"].get("created", "")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created):
        faults.append(f"creationInfo.created: '{created}' is not like 2026-01-31T12:00:00Z")
    known = ["SPDXRef-DOCUMENT"] + [e["SPDXID"] for e in document["packages"] + document["files"]]
    faults += [f"{name}: is there twice" for name in sorted(set(known)) if known.count(name) > 1]
    faults += [f"{name}: is not of letters, digits, dots and dashes" for name in known
               if not re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name)]
    faults += [f"relationships: {end} leads nowhere" for relation in document["relationships"]
               for end in (relation["spdxElementId"], relation["relatedSpdxElement"])
               if end not in known]
    return faults


def content_faults(document, root):
    """Where the document and the image differ."""
    listed = {e["fileName"]: {c["algorithm"]: c["checksumValue"] for c in e["checksums"]}
              for e in document["files"]}
    found = {"./" + p.relative_to(root).as_posix(): digest(p, "sha256") for p in files_of(root)}
    faults = [f"{name}: in the image or the bill, not in both" for name in listed.keys() ^ found]
    faults += [f"{name}: another SHA256 than the image's" for name in listed.keys() & found
               if listed[name].get("SHA256") != found[name]]
    owners = {r["relatedSpdxElement"]: r["spdxElementId"] for r in document["relationships"]
              if r["relationshipType"] == "CONTAINS"}
    for file in document["files"]:
        owned_here = owners.get(file["SPDXID"]) == identifier("Package", PRODUCT)
        if file["SPDXID"] not in owners:
            faults.append(f"{file['fileName']}: of no package")
        elif owned_here != file["fileName"].startswith("./usr/bin/boltzmann"):
            faults.append(f"{file['fileName']}: of the wrong package ({owners[file['SPDXID']]})")
    return faults


def check(document, root):
    """Every fault, in words."""
    return missing_fields(document) or form_faults(document) + content_faults(document, root)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    write = commands.add_parser("write")
    write.add_argument("root", type=pathlib.Path)
    for flag in ("--version", "--created", "--architecture"):
        write.add_argument(flag, required=True)
    checked = commands.add_parser("check")
    checked.add_argument("file", type=pathlib.Path)
    checked.add_argument("root", type=pathlib.Path)
    return parser.parse_args()


def main():
    """The exit status: 1 if the bill has a fault."""
    given = arguments()
    if given.command == "write":
        document = bill(given.root, given.version, given.created, given.architecture)
        json.dump(document, sys.stdout, indent=1)
        print()
        return 0
    faults = check(json.loads(given.file.read_text()), given.root)
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
