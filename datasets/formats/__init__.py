"""The layouts of other tools and of published X-ray sets: one file a layout, its reader beside its writer."""
