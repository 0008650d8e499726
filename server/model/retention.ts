// For how long samples are kept, by name: a device or a profile chooses one of three classes, and an
// admin says on the settings page how many days each of them is.

export const RETENTION_CLASSES = ['short', 'default', 'long'] as const
export type RetentionClass = (typeof RETENTION_CLASSES)[number]

/** The class of a group of a device; null: nobody knows yet, so nothing is to change. */
export type RetentionPolicy = (deviceUid: number, group: string) => RetentionClass | null
