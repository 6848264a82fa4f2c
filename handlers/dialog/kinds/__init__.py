"""The kinds of question, one module each; see `handlers.dialog.forms.Kind`."""
