// What people write profiles with: the store of versions, the workbench in its thread, and the ways to a
// device that a draft is tried against.

import { readdir } from 'node:fs/promises'
import path from 'node:path'
import type { Audit } from '../audit.ts'
import { ProfileBench } from '../collectors/profile-bench.ts'
import type { Directory } from '../devices/directory.ts'
import type { Vault } from '../devices/vault.ts'
import { AppError } from '../model/errors.ts'
import { SHIPPED_PROFILES_DIR } from '../paths.ts'
import type { Draft } from '../profiles/draft.ts'
import type { Store } from '../store/contract.ts'
import type { WebContext } from '../web/context.ts'
import { createOwnProfiles } from '../web/own-profiles.ts'
import type { Base } from './base.ts'
import type { Catalogues } from './catalogues.ts'

export async function startOwnProfiles({
  config,
  life,
  store,
  audit,
  vault,
  directory,
  catalogues: { watch },
}: Base & {
  store: Store
  audit: Audit
  vault: Vault
  directory: Directory
  catalogues: Catalogues
}): Promise<Pick<WebContext, 'ownProfiles' | 'tryProfile'>> {
  const bench = new ProfileBench({
    catalogue: () => watch.catalogue,
    networks: config.allowNetworks,
  })
  life.started('profile bench', () => bench.close())
  const files = await readdir(SHIPPED_PROFILES_DIR)
  const shipped = new Set(files.map(file => path.basename(file, '.json')))
  const ownProfiles = createOwnProfiles({
    store: store.profiles,
    bench,
    catalogue: () => watch.catalogue,
    shipped,
    refresh: () => watch.refresh(),
    devices: () => directory.all(),
    audit,
  })
  const tryDevice = async (draft: Draft, id: string) => {
    const device = directory.get(id)
    if (device?.config.kind !== 'snmp') {
      throw new AppError('E_DEVICE_UNKNOWN', `there is no SNMP device "${id}"`)
    }
    const { config, version, identity } = device
    const secrets = await vault.open(config)
    return bench.tryDevice(draft, { config, version, identity, secrets })
  }
  return {
    ownProfiles,
    tryProfile: {
      device: tryDevice,
      recording: (draft, text) => bench.tryRecording(draft, Buffer.from(text)),
    },
  }
}
