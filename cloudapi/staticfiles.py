"""Static files under names that change with their content."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Also the names that JavaScript modules import, so that no browser mixes two versions after an upgrade."""

    support_js_module_import_aggregation = True
