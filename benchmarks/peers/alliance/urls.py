"""The door through which a Kannel hands over what people sent."""

from __future__ import annotations

from django.urls import path
from rapidsms.backends.kannel.views import KannelBackendView

urlpatterns = [path("backend/kannel/", KannelBackendView.as_view(backend_name="kannel"))]
