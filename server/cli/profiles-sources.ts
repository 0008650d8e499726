// The profile files that a command works with: ours, and those of the settings' own folder.

import { SHIPPED_PROFILES_DIR } from '../paths.ts'
import type { ProfileSource } from '../profiles/catalogue.ts'
import { loadSources } from '../profiles/load.ts'
import { settings } from './open.ts'

/** @throws AppError E_PROFILES_DIR where the folder of ours cannot be read */
export function loadProfiles(): Promise<ProfileSource[]> {
  const { profilesDir } = settings().config
  return loadSources({
    shippedDir: SHIPPED_PROFILES_DIR,
    ...(profilesDir === null ? {} : { userDir: profilesDir }),
  })
}
