/** The steps, in the order a post meets them. */
export const steps = ['fetch', 'analyze-light', 'analyze-heavy', 'label', 'index', 'archive'];
