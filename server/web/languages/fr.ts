// Every text of the pages in French; en.ts says what there is.

import type { Dictionary } from './en.ts'

const counted = (count: number, one: string, many: string): string =>
  `${count} ${count < 2 ? one : many}`

export const fr: Dictionary = {
  language: 'Français',

  time: {
    second: 's',
    minute: 'min',
    hour: 'h',
    day: 'j',
    ago: age => `il y a ${age}`,
    since: when => `depuis le ${when}`,
    never: 'jamais',
  },

  common: {
    close: 'Fermer',
    devices: count => counted(count, 'équipement', 'équipements'),
  },

  status: {
    up: 'en service',
    degraded: 'dégradé',
    down: 'en panne',
    unknown: 'sans données',
    paused: 'en pause',
    waiting: 'en attente',
    noSample: 'Aucune mesure reçue pour le moment',
  },

  gap: {
    timeout: "L'équipement n'a pas répondu à temps",
    auth: "L'équipement a refusé nos identifiants",
    unreachable: "L'adresse n'a pas pu être jointe",
    partial: "L'équipement n'a répondu qu'en partie",
    reset: 'Le compteur est reparti de zéro',
    'wrap-unsure': "Le compteur a reculé, et il n'est pas sûr qu'il ait fait le tour",
    overrun: "La lecture précédente n'était pas terminée",
    paused: "L'interrogation était en pause",
    'no-such-object': "L'équipement n'a pas cette valeur",
    decode: "La réponse n'a pas pu être comprise",
    'poller-down': "Pollux n'interrogeait pas",
    'device-clock': "L'horloge de l'équipement était fausse",
    first: 'Un débit demande deux lectures',
    range: 'La valeur était hors des limites plausibles',
    shed: 'Lu moins souvent volontairement',
    dropped: "La mesure a été perdue avant d'être enregistrée",
  },

  role: {
    admin: 'administrateur',
    engineer: 'ingénieur',
    technician: 'technicien',
    viewer: 'lecteur',
  },

  layout: {
    skip: 'Aller au contenu',
    mainNav: 'Principale',
    administration: 'Administration',
    signOut: 'Se déconnecter',
    keys: 'Touches',
    offline: 'Pas de connexion à Pollux.',
    offlineText: 'Ce que vous voyez peut être ancien. La page reprendra seule.',
    unavailable: parts => `${parts} : indisponible.`,
    unavailableText:
      'Les mesures attendent sur le disque ; les valeurs et les états affichés peuvent être anciens.',
    whatIsWrong: 'Voir le problème',
  },

  nav: {
    overview: "Vue d'ensemble",
    devices: 'Équipements',
    containers: 'Conteneurs',
    events: 'Événements',
    profiles: 'Profils',
    settings: 'Réglages',
    agents: 'Agents',
    users: 'Utilisateurs',
    tokens: "Jetons d'API",
    audit: "Journal d'audit",
    account: 'Compte',
  },

  keys: {
    search: 'Rechercher',
    move: 'Ligne suivante et précédente',
    choose: 'Choisir la ligne',
    open: "L'ouvrir",
    sheet: 'Cette aide',
    out: "Quitter un champ ou l'aide",
  },

  login: {
    title: 'Connexion',
    name: 'Nom',
    password: 'Mot de passe',
    signIn: 'Se connecter',
    wrong: "Le nom ou le mot de passe n'est pas correct.",
    tooMany: wait => `Trop d'essais : attendez ${wait} avant de réessayer.`,
  },

  client: {
    second: 's',
    minute: 'min',
    hour: 'h',
    day: 'j',
    ago: 'il y a {age}',
  },
}
