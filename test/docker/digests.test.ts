// Goal: the digest of an image in its registry, asked once for each image; an engine that does not say,
// hangs or is forbidden to costs a rest, never a read.

import t from 'tap'
import { ImageDigests } from '../../server/docker/digests.ts'
import { AppError } from '../../server/model/errors.ts'

const signal = new AbortController().signal
const image = (n: number) => `sha256:${String(n).padStart(64, '0')}`

function engine(answer: (id: string) => Promise<string[]>) {
  const asked: string[] = []
  const repoDigests = (id: string) => {
    asked.push(id)
    return answer(id)
  }
  return { asked, engine: { repoDigests } }
}

t.test('the one of the name that the container was made of', async t => {
  const digests = [
    'other.example:5000/shop/web@sha256:aa',
    'nginx@sha256:bb',
    'registry.example:5000/nginx@sha256:cc',
  ]
  for (const [name, wanted] of [
    ['nginx', 'sha256:bb'],
    ['nginx:1.27-alpine', 'sha256:bb'],
    ['nginx@sha256:bb', 'sha256:bb'],
    ['registry.example:5000/nginx', 'sha256:cc'],
    ['registry.example:5000/nginx:1', 'sha256:cc'],
    ['renamed:1', 'sha256:aa'],
    [null, 'sha256:aa'],
  ] as const) {
    const fake = engine(async () => digests)
    const listed = { ImageID: image(1), Image: name }
    t.equal(await new ImageDigests().of(fake.engine, listed, signal), wanted, String(name))
  }
  const none = engine(async () => [])
  t.equal(await new ImageDigests().of(none.engine, { ImageID: image(1) }, signal), null)
  t.equal(await new ImageDigests().of(none.engine, { Image: 'x' }, signal), null)
  const odd = engine(async () => ['<none>'])
  t.equal(await new ImageDigests().of(odd.engine, { ImageID: image(1) }, signal), null)
})

t.test('once for each image, also where many containers of it are read together', async t => {
  const fake = engine(async id => [`x@${id}`])
  const digests = new ImageDigests()
  const of = (n: number) => digests.of(fake.engine, { ImageID: image(n), Image: 'x:1' }, signal)
  const all = await Promise.all(Array.from({ length: 100 }, (_, i) => of(i % 2)))
  t.same(new Set(all), new Set([image(0), image(1)]))
  t.equal(await of(0), image(0))
  t.equal(fake.asked.length, 2)
  for (let n = 2; n < 1001; n++) await of(n)
  t.equal(fake.asked.length, 1001)
  await of(1)
  t.equal(fake.asked.length, 1001, 'the newest thousand are remembered')
  await of(0)
  t.equal(fake.asked.length, 1002)
})

t.test('what is forbidden, or gone', async t => {
  const forbidden = engine(async () => {
    throw new AppError('E_DOCKER_ERROR', 'forbidden')
  })
  const digests = new ImageDigests()
  t.equal(await digests.of(forbidden.engine, { ImageID: image(1) }, signal), null)
  t.equal(await digests.of(forbidden.engine, { ImageID: image(2) }, signal), null)
  t.equal(forbidden.asked.length, 1, 'then it is left alone')
  const gone = engine(async id => {
    if (id === image(1)) throw new AppError('E_DOCKER_GONE', 'no such image')
    return ['x@sha256:aa']
  })
  const others = new ImageDigests()
  t.equal(await others.of(gone.engine, { ImageID: image(1) }, signal), null)
  t.equal(await others.of(gone.engine, { ImageID: image(2) }, signal), 'sha256:aa')
})

t.test('one that hangs ends with the read', async t => {
  const hanging = engine(() => new Promise(() => undefined))
  const end = new AbortController()
  const digests = new ImageDigests()
  const asked = digests.of(hanging.engine, { ImageID: image(1) }, end.signal)
  end.abort(new Error('the read ended'))
  await t.rejects(asked, /the read ended/)
  await t.rejects(digests.of(hanging.engine, { ImageID: image(1) }, end.signal), /the read ended/)
  t.equal(hanging.asked.length, 1)
})
