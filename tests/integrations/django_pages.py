"""The pages of a Django project: none."""

urlpatterns: list[object] = []
