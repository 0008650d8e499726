// Goal: /proc's texts are parsed as proc(5) describes them, of old and new kernels.

import t from 'tap'
import {
  parseDiskstats,
  parseMeminfo,
  parseMounts,
  parseNetDev,
  parseStat,
} from '../../agent/procfs.ts'

t.test('/proc/stat', async t => {
  const text =
    'cpu  100 20 30 1000 40 5 6 7 50 10\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 1 1 1 1\nintr 5\n'
  t.same(parseStat(text), {
    cores: [
      { user: 2, system: 1, idle: 1, iowait: 1, irq: 2, steal: 1 },
      { user: 2, system: 1, idle: 1, iowait: 0, irq: 0, steal: 0 },
    ],
    user: 120,
    system: 30,
    idle: 1000,
    iowait: 40,
    irq: 11,
    steal: 7,
  })
  t.throws(() => parseStat('intr 1'))
})

t.test('/proc/meminfo', async t => {
  const kib = 1024
  const text =
    'MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nBuffers: 50 kB\nCached: 400 kB\nShmem: 30 kB\nSReclaimable: 20 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n'
  t.same(parseMeminfo(text), {
    total: 1000 * kib,
    free: 100 * kib,
    available: 600 * kib,
    cached: 440 * kib,
    swapTotal: 10 * kib,
    swapFree: 4 * kib,
  })
  const old = text.replace(/MemAvailable.*\n/, '')
  t.equal(parseMeminfo(old).available, 540 * kib, 'before kernel 3.14')
  t.throws(() => parseMeminfo('nonsense'))
})

t.test('/proc/diskstats', async t => {
  const text =
    ' 254 0 vda 10 1 20 3 40 5 60 7 0 80 9\n 254 1 vda1 1 1 1 1 1 1 1 1 0 1 1\n   7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n 8 0 sda 1 2\n'
  t.same(parseDiskstats(text, new Set(['vda', 'sda'])), [
    { disk: 'vda', reads: 10, readBytes: 20 * 512, writes: 40, writtenBytes: 60 * 512, busyMs: 80 },
  ])
})

t.test('/proc/net/dev', async t => {
  const text =
    'Inter-|   Receive  |  Transmit\n face |bytes |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0:525684281   13927    3    4    0     0          0         0  1031841    7995    5    6    0     0       0          0\nveth12ab: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n'
  t.same(parseNetDev(text), [
    {
      name: 'eth0',
      inBytes: 525_684_281,
      inErrors: 3,
      inDiscards: 4,
      outBytes: 1_031_841,
      outErrors: 5,
      outDiscards: 6,
    },
  ])
})

t.test('/proc/self/mounts', async t => {
  const text = [
    'proc /proc proc rw 0 0',
    'overlay / overlay rw 0 0',
    '/dev/vda2 /srv/deep/bind ext4 rw 0 0',
    '/dev/vda2 /srv ext4 rw 0 0',
    '/dev/sdb1 /mnt/my\\040disk xfs rw 0 0',
    'tank/data /tank zfs rw 0 0',
    'tmpfs /run tmpfs rw 0 0',
    'server:/export /nfs nfs4 rw 0 0',
    '//server/share /cifs cifs rw 0 0',
    'user@host: /home/u/remote fuse.sshfs rw 0 0',
    '/dev/loop3 /snap/core/1 squashfs ro 0 0',
    'overlay /var/lib/docker/overlay2/x/merged overlay rw 0 0',
    '',
  ].join('\n')
  t.same(
    parseMounts(text).map(({ mount }) => mount),
    ['/', '/srv', '/mnt/my disk', '/tank'],
  )
})
