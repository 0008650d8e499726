// Whether the Pollux of this container is ready; exit 0 or 1, and the reason. Plain JavaScript of Node alone.

import { get as getPlain } from 'node:http'
import { get as getTls } from 'node:https'

const { POLLUX_PORT: port = '3000', POLLUX_TLS_CERT: certificate } = process.env
const get = certificate ? getTls : getPlain
// The certificate has a name for others, not for this container.
const options = { host: '127.0.0.1', port, path: '/readyz', rejectUnauthorized: false }

const request = get(options, answer => {
  answer.pipe(process.stdout)
  answer.on('end', () => process.exit(answer.statusCode === 200 ? 0 : 1))
})
request.setTimeout(4000, () => request.destroy(new Error('no answer in 4 s')))
request.on('error', error => {
  process.stdout.write(`${error.message}\n`)
  process.exit(1)
})
