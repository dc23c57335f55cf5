// The page's language: chosen once, kept by the browser, else what the browser prefers.

import { en, type Words } from './words/en'
import { zh } from './words/zh'

export const LANGUAGES = { en, zh } as const
export type Language = keyof typeof LANGUAGES

/** Each language by its own name. */
export const NAMES: Record<Language, string> = { en: 'EN', zh: '中文' }

const KEY = 'ledgerline.language'

class Locale {
  language = $state<Language>(preferred())
  readonly words: Words = $derived(LANGUAGES[this.language])

  choose(language: Language): void {
    this.language = language
    try {
      localStorage.setItem(KEY, language)
    } catch {
      // Storage may be off; the choice then lasts as long as the page.
    }
  }
}

function preferred(): Language {
  if (typeof window === 'undefined') return 'en'
  try {
    const kept = localStorage.getItem(KEY)
    if (kept === 'en' || kept === 'zh') return kept
  } catch {
    // As above.
  }
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

export const locale = new Locale()
