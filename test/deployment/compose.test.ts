// Goal: `docker/up.sh` makes its secrets once, and docker/compose.yaml starts Pollux with a database, a cache
// and a broker, which it uses. No registry may be asked: in the places of the vendors' images are ones that
// have this machine's programs (MariaDB for MySQL), and Pollux' own is built on this machine's Node.

import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import Type from 'typebox'
import { parse } from 'yaml'
import { parser } from '../../server/validate.ts'
import { startDockerd } from '../parts/dockerd.ts'
import { program, tempDir, until } from '../parts/find.ts'
import { dynsecPlugin } from '../parts/mosquitto-dynsec.ts'
import { copyOfProject, makeNodeImage } from '../parts/node-image.ts'

t.setTimeout(600_000)

const run = promisify(execFile)
const ROOT = path.join(import.meta.dirname, '../..')
const COMPOSE = path.join(ROOT, 'docker/compose.yaml')

const Service = Type.Object({
  image: Type.String(),
  restart: Type.Optional(Type.String()),
  privileged: Type.Optional(Type.Boolean()),
  secrets: Type.Optional(Type.Array(Type.String())),
  environment: Type.Optional(Type.Record(Type.String(), Type.String())),
  ports: Type.Optional(Type.Array(Type.String())),
  volumes: Type.Optional(Type.Array(Type.String())),
  healthcheck: Type.Optional(Type.Unknown()),
  security_opt: Type.Optional(Type.Array(Type.String())),
})
const parseCompose = parser(
  Type.Object({
    services: Type.Record(Type.String(), Service),
    secrets: Type.Record(Type.String(), Type.Object({ file: Type.String() })),
    volumes: Type.Record(Type.String(), Type.Unknown()),
  }),
  'E_TEST',
  'docker/compose.yaml',
)
const compose = parseCompose(parse(await readFile(COMPOSE, 'utf8'), { merge: true }))
const services = Object.entries(compose.services)

const upWith = (secrets: string, env: Record<string, string>, ...args: string[]) =>
  run(path.join(ROOT, 'docker/up.sh'), args, {
    env: { ...process.env, ...env, POLLUX_SECRETS: secrets },
    maxBuffer: 1 << 24,
  })

t.test('secrets are made once, each another, for their readers alone', async t => {
  await program('openssl', 'openssl')
  const folder = path.join(await tempDir(t), 'secrets')
  await upWith(folder, {}, '--secrets-only', 'pollux.example.org')
  t.equal((await stat(folder)).mode & 0o777, 0o700, 'nobody else of the host enters')
  for (const { file } of Object.values(compose.secrets)) {
    const name = path.basename(file)
    const text = await readFile(path.join(folder, name), 'utf8')
    t.equal(text === '', name === 'prometheus_token', name)
  }
  const passwords = ['mysql_password', 'mysql_root_password', 'mqtt_password', 'redis_password']
  const texts = await Promise.all(passwords.map(one => readFile(path.join(folder, one), 'utf8')))
  t.equal(new Set(texts).size, passwords.length)
  for (const text of texts) t.match(text, /^[0-9a-f]{64}\n$/)
  const certificate = ['x509', '-in', path.join(folder, 'tls/server.crt'), '-noout', '-text']
  const { stdout } = await run('openssl', certificate)
  t.match(stdout, /DNS:localhost.*IP Address:127.0.0.1.*DNS:mosquitto.*DNS:pollux.example.org/)
  const before = await Promise.all((await readdir(folder)).map(one => stat(path.join(folder, one))))
  await upWith(folder, {}, '--secrets-only')
  const after = await Promise.all((await readdir(folder)).map(one => stat(path.join(folder, one))))
  t.same(
    after.map(({ mtimeMs, size }) => [mtimeMs, size]),
    before.map(({ mtimeMs, size }) => [mtimeMs, size]),
    'what is there stays',
  )
  await t.rejects(upWith(folder, {}, '--nonsense'), { code: 2, stderr: /usage: up.sh/ })
})

t.test('each service is one that may be left alone', async t => {
  for (const [name, one] of services) {
    t.notMatch(one.image, /:latest$/, `${name}: a version`)
    if (name !== 'mosquitto-users') {
      t.equal(one.restart, 'unless-stopped', `${name}: comes again`)
      t.same(one.security_opt, ['no-new-privileges:true'], name)
    }
    t.notOk(one.privileged, name)
    for (const secret of one.secrets ?? []) t.ok(compose.secrets[secret], `${name}: ${secret}`)
    const values = Object.entries(one.environment ?? {})
    const bare = values.filter(([key, value]) => /PASSWORD|SECRET/.test(key) && value !== '')
    t.ok(
      bare.every(([key]) => key.endsWith('_FILE')),
      `${name}: no secret in its environment`,
    )
    for (const volume of one.volumes ?? []) {
      const [source = ''] = volume.split(':/')
      if (source.startsWith('./')) t.ok(await stat(path.join(ROOT, 'docker', source)), source)
      else if (!source.startsWith('$')) t.ok(source in compose.volumes, `${name}: ${source}`)
    }
  }
  const outside = services.flatMap(([, { ports = [] }]) => ports)
  const bound = outside.filter(port => !port.startsWith('127.0.0.1:'))
  t.same(bound, ['162:162/udp', '514:514/udp', '514:514', '8883:8883', '8884:8883'])
})

/** What the vendors' images do at their start, by the programs of this machine. */
const START: Record<string, string> = {
  'redis:7.4': 'exec "$@"',
  'eclipse-mosquitto:2': 'exec mosquitto -c /mosquitto/config/mosquitto.conf',
  'mysql:8.4': `data=/var/lib/mysql
mkdir -p /run/mysqld /tmp
[ -e $data/mysql ] || mariadb-install-db --no-defaults --user=root --datadir=$data --skip-test-db >/dev/null
password=$(cat "$MYSQL_PASSWORD_FILE")
cat > /tmp/init.sql <<EOF
create database if not exists $MYSQL_DATABASE;
create user if not exists '$MYSQL_USER'@'%' identified by '$password';
grant all on $MYSQL_DATABASE.* to '$MYSQL_USER'@'%';
EOF
exec mariadbd --no-defaults --user=root --datadir=$data --socket=/run/mysqld/mysqld.sock --init-file=/tmp/init.sql "$@"`,
}

t.test('one command starts all of it', async t => {
  await Promise.all([
    program('docker-compose', 'docker-compose'),
    program('mariadbd', 'mariadb-server'),
    program('mosquitto', 'mosquitto'),
    program('mosquitto_pub', 'mosquitto-clients'),
    program('redis-server', 'redis-server'),
  ])
  const dockerd = await startDockerd(t, { isInMemory: true })
  const { address: DOCKER_HOST } = dockerd
  const base = await makeNodeImage(t, dockerd)
  const context = await tempDir(t)
  const parts = ['migrations', 'oids', 'public', 'views', 'agent', 'server', 'docker/health.js']
  await copyOfProject(['package.json', 'package-lock.json', 'LICENSE', ...parts], context)
  const file = path.join(ROOT, 'docker/Dockerfile')
  const options = ['--network=none', '--build-arg', `BASE=${base}`, '-f', file]
  await dockerd.docker('build', ...options, '-t', 'pollux', context)

  const root = await tempDir(t)
  for (const name of ['etc', 'tmp', 'run', 'usr', 'var', 'mosquitto']) {
    await mkdir(path.join(root, name))
  }
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    await symlink(`usr/${name}`, path.join(root, name))
  }
  await writeFile(
    path.join(root, 'etc/passwd'),
    'root:x:0:0::/:/bin/sh\nmosquitto:x:1883:1883::/:/bin/sh\n',
  )
  await writeFile(path.join(root, 'etc/group'), 'root:x:0:\nmosquitto:x:1883:\n')
  await chmod(root, 0o755)
  await chmod(path.join(root, 'tmp'), 0o1777)
  for (const [image, script] of Object.entries(START)) {
    await writeFile(path.join(root, 'start.sh'), `#!/bin/sh\nset -e\n${script}\n`, { mode: 0o755 })
    const change = 'ENTRYPOINT ["/start.sh"]'
    const pack = 'tar -C "$1" -c . | docker import --change "$2" - "$3"'
    await run('sh', ['-c', pack, 'sh', root, change, image], {
      env: { ...process.env, DOCKER_HOST },
    })
  }
  // This machine's programs, in the place where the images have theirs.
  const place = path.join(ROOT, 'docker/mosquitto/core/mosquitto.conf')
  const settings = await readFile(place, 'utf8')
  const conf = path.join(root, 'mosquitto.conf')
  const plugin = '/usr/lib/mosquitto_dynamic_security.so'
  await writeFile(conf, settings.replace(plugin, await dynsecPlugin()))
  const vendors = services.filter(([, { image }]) => image in START)
  const extra = Object.fromEntries(
    vendors.map(([name, { image }]) => [
      name,
      {
        volumes: [
          '/usr:/usr:ro',
          ...(image === 'eclipse-mosquitto:2'
            ? [`${conf}:/mosquitto/config/mosquitto.conf:ro`]
            : []),
        ],
      },
    ]),
  )
  const override = path.join(root, 'override.json')
  await writeFile(override, JSON.stringify({ services: extra }))
  const secrets = path.join(await tempDir(t), 'secrets')
  const env = {
    DOCKER_HOST,
    COMPOSE_FILE: `${COMPOSE}:${override}`,
    COMPOSE_PROJECT_NAME: 'pollux',
  }
  await upWith(secrets, env)
  const inspect = (name: string, format: string) =>
    dockerd.docker('inspect', '-f', format, `pollux_${name}_1`)
  await until(async () => {
    await delay(500)
    return (await inspect('pollux', '{{.State.Health.Status}}')) === 'healthy'
  }, 'Pollux to be healthy')
  const logs = async (name: string) => dockerd.docker('logs', `pollux_${name}_1`)
  t.match(await logs('pollux'), /Sign in as admin with this password/)
  const doctor = await dockerd.docker(
    'exec',
    'pollux_pollux_1',
    'node',
    'server/pollux.js',
    'doctor',
  )
  t.match(doctor, /ok +Database: .*(MySQL|MariaDB|mysql)/)
  t.match(doctor, /ok +Redis/)
  t.match(doctor, /ok +MQTT/)
})
