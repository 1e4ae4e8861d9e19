"""The objects of which `make_real.py` writes pickles: what people keep, send and cache.

One generator a library; each yields `type, profile, object`. `several` leaves out what a version
of a library lacks. Objects are small: a policy is tested by their kinds, not by their size.
"""

import datetime
import decimal
import uuid


def several(**makers):
    """The objects of those makers that this version of the library has."""
    for name, make in makers.items():
        try:
            yield name.replace("_", "-"), make()
        except (ImportError, AttributeError, TypeError, ValueError, NotImplementedError) as error:
            print("    left out: %s (%s: %s)" % (name, type(error).__name__, str(error)[:80]))


def numpy_objects():
    import numpy as np

    rng = np.random.RandomState(0)
    structured = np.dtype([("id", "<i4"), ("name", "U8"), ("xy", "<f8", (2,))])
    aligned = np.dtype([("a", "i1"), ("b", "<f8")], align=True)
    base = np.arange(12.0).reshape(3, 4)
    yield from several(
        float_array=lambda: base,
        float32_array=lambda: base.astype("f4"),
        half_array=lambda: base.astype("f2"),
        int_array=lambda: np.arange(6),
        small_int_arrays=lambda: [np.arange(3, dtype=t) for t in ("i1", "i2", "i4", "u1", "u2", "u4", "u8")],
        bool_array=lambda: np.array([True, False]),
        complex_array=lambda: np.array([1 + 2j]),
        long_double_array=lambda: np.array([1], dtype="g"),
        big_endian_array=lambda: np.arange(3, dtype=">i4"),
        fortran_array=lambda: np.asfortranarray(base),
        strided_array=lambda: base[:, ::2],
        empty_array=lambda: np.zeros((0, 3)),
        scalar_array=lambda: np.array(1.5),
        string_array=lambda: np.array(["a", "bcd"]),
        bytes_array=lambda: np.array([b"a", b"bcd"]),
        datetime_array=lambda: np.array(["2020-01-01", "NaT"], dtype="M8[D]"),
        timedelta_array=lambda: np.array([1, 2], dtype="m8[ns]"),
        void_array=lambda: np.zeros(2, dtype="V4"),
        structured_array=lambda: np.zeros(2, dtype=structured),
        aligned_array=lambda: np.zeros(2, dtype=aligned),
        record_array=lambda: np.rec.array([(1, "a"), (2, "b")], names="n,s"),
        object_array=lambda: np.array([1, "a", None, [2]], dtype=object),
        object_array_of_dates=lambda: np.array([datetime.date(2020, 1, 1), decimal.Decimal("1.5")], dtype=object),
        nested_object_array=lambda: np.array([base, np.arange(3)], dtype=object),
        structured_object_array=lambda: np.array([(1, "a")], dtype=[("n", "i4"), ("o", "O")]),
        masked_array=lambda: np.ma.masked_array([1.0, 2.0], mask=[True, False]),
        masked_constant=lambda: np.ma.masked,
        matrix=lambda: np.matrix([[1, 2]]),
        chararray=lambda: np.char.array(["a", "b"]),
        float_scalars=lambda: [np.float64(1.5), np.float32(2), np.float16(3)],
        int_scalars=lambda: [np.int64(1), np.int8(2), np.uint32(3)],
        other_scalars=lambda: [np.bool_(True), np.str_("a"), np.bytes_(b"b"), np.complex128(1j)],
        datetime_scalar=lambda: np.datetime64("2020-01-01T00:00"),
        timedelta_scalar=lambda: np.timedelta64(3, "s"),
        record_scalar=lambda: np.zeros(1, dtype=structured)[0],
        scalars_as_keys=lambda: {np.int64(1): np.float64(2.0), np.str_("k"): None},
        dtype=lambda: np.dtype("f8"),
        dtype_structured=lambda: structured,
        dtype_subarray=lambda: np.dtype(("f4", (2, 3))),
        dtype_classes=lambda: [np.float64, np.int64, np.bool_, np.ndarray],
        random_state=lambda: np.random.RandomState(3),
        generator=lambda: np.random.default_rng(3),
        bit_generators=lambda: [np.random.Philox(1), np.random.SFC64(1), np.random.MT19937(1)],
        seed_sequence=lambda: np.random.SeedSequence(5),
        polynomial=lambda: np.polynomial.Polynomial([1, 2, 3]),
        chebyshev=lambda: np.polynomial.Chebyshev([1, 2, 3]),
        poly1d=lambda: np.poly1d([1, 2, 3]),
        ufunc=lambda: [np.add, np.log1p],
        nan_and_inf=lambda: {"nan": np.nan, "inf": np.inf, "array": np.array([np.nan, np.inf])},
        dict_of_arrays=lambda: {"x": rng.rand(2, 3), "y": rng.randint(0, 3, 5), "names": ["a", "b"]},
        iinfo=lambda: np.iinfo("i4"),
        finfo_parts=lambda: np.finfo("f4").max,
    )


def pandas_objects():
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2, 3], "b": [1.5, None, 3.0], "c": ["x", "y", None]})
    dates = pd.date_range("2020-01-01", periods=3, freq="D")
    yield from several(
        frame=lambda: frame,
        frame_of_floats=lambda: pd.DataFrame(np.arange(6.0).reshape(2, 3)),
        frame_empty=lambda: pd.DataFrame(),
        frame_by_date=lambda: pd.DataFrame({"v": [1, 2, 3]}, index=dates),
        frame_all_types=lambda: pd.DataFrame(
            {"i": [1], "u": np.array([1], "u1"), "f": [1.0], "b": [True], "s": ["s"], "d": dates[:1], "t": [pd.Timedelta(1, "D")]}
        ),
        frame_multiindex=lambda: frame.set_index(["a", "c"]),
        frame_categories=lambda: frame.astype({"c": "category"}),
        frame_nullable=lambda: pd.DataFrame({"i": pd.array([1, None], "Int64"), "b": pd.array([True, None], "boolean")}),
        frame_strings=lambda: pd.DataFrame({"s": pd.array(["a", None], "string")}),
        frame_sparse=lambda: pd.DataFrame({"s": pd.arrays.SparseArray([0, 0, 1])}),
        frame_with_attrs=lambda: with_attrs(frame),
        frame_of_objects=lambda: pd.DataFrame({"o": [{"k": 1}, [2], decimal.Decimal("3")]}),
        series=lambda: pd.Series([1, 2, 3], name="n"),
        series_of_strings=lambda: pd.Series(["a", "b"]),
        series_of_dates=lambda: pd.Series(dates),
        series_utc=lambda: pd.Series(dates.tz_localize("UTC")),
        series_zone=lambda: pd.Series(dates.tz_localize("Europe/Paris")),
        series_categories=lambda: pd.Series(pd.Categorical(["a", "b"], ordered=True)),
        series_periods=lambda: pd.Series(pd.period_range("2020", periods=2, freq="M")),
        series_intervals=lambda: pd.Series(pd.interval_range(0, 2)),
        series_timedeltas=lambda: pd.Series(pd.to_timedelta([1, 2], "h")),
        series_nullable_float=lambda: pd.Series(pd.array([1.5, None], "Float64")),
        index=lambda: pd.Index(["a", "b"]),
        index_ints=lambda: pd.Index([3, 1, 2]),
        index_floats=lambda: pd.Index([1.5, 2.5]),
        range_index=lambda: pd.RangeIndex(5),
        datetime_index=lambda: dates,
        datetime_index_utc=lambda: dates.tz_localize("UTC"),
        timedelta_index=lambda: pd.to_timedelta([1, 2], "D"),
        period_index=lambda: pd.period_range("2020-01", periods=3, freq="M"),
        interval_index=lambda: pd.interval_range(0, 3),
        categorical_index=lambda: pd.CategoricalIndex(["a", "b", "a"]),
        multi_index=lambda: pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", "y"]),
        timestamp=lambda: pd.Timestamp("2020-01-01 12:00"),
        timestamp_utc=lambda: pd.Timestamp("2020-01-01", tz="UTC"),
        timedelta=lambda: pd.Timedelta(1, "h"),
        period=lambda: pd.Period("2020-01", "M"),
        interval=lambda: pd.Interval(0, 1),
        missing=lambda: [pd.NaT, pd.NA],
        categorical=lambda: pd.Categorical(["a", "b"]),
        dtypes=lambda: [pd.CategoricalDtype(["a"]), pd.Int64Dtype(), pd.StringDtype("python"), pd.DatetimeTZDtype(tz="UTC")],
        offsets=lambda: [pd.offsets.Day(2), pd.offsets.MonthEnd(), pd.offsets.BDay(), pd.offsets.Hour(3)],
        date_offset=lambda: pd.DateOffset(months=1),
        dict_of_frames=lambda: {"one": frame, "two": frame["a"]},
    )


def with_attrs(frame):
    frame = frame.copy()
    frame.attrs["source"] = "sensor"
    return frame


def scipy_objects():
    import numpy as np
    from scipy import interpolate, optimize, sparse, spatial, stats

    dense = np.array([[0, 1.5, 0], [2, 0, 0]])
    x = np.arange(6.0)
    yield from several(
        csr=lambda: sparse.csr_matrix(dense),
        csc=lambda: sparse.csc_matrix(dense),
        coo=lambda: sparse.coo_matrix(dense),
        lil=lambda: sparse.lil_matrix(dense),
        dok=lambda: sparse.dok_matrix(dense),
        dia=lambda: sparse.dia_matrix(dense),
        bsr=lambda: sparse.bsr_matrix(dense),
        csr_array=lambda: sparse.csr_array(dense),
        coo_array=lambda: sparse.coo_array(dense),
        csc_array=lambda: sparse.csc_array(dense),
        ckdtree=lambda: spatial.cKDTree(dense),
        kdtree=lambda: spatial.KDTree(dense),
        rotation=lambda: spatial.transform.Rotation.from_euler("z", 90, degrees=True),
        slerp=lambda: spatial.transform.Slerp([0, 1], spatial.transform.Rotation.random(2, random_state=1)),
        cubic_spline=lambda: interpolate.CubicSpline(x, x**2),
        pchip=lambda: interpolate.PchipInterpolator(x, x**2),
        akima=lambda: interpolate.Akima1DInterpolator(x, x**2),
        bspline=lambda: interpolate.make_interp_spline(x, x**2),
        ppoly=lambda: interpolate.PPoly(np.ones((2, 1)), [0, 1]),
        univariate_spline=lambda: interpolate.UnivariateSpline(x, x**2),
        rbf_interpolator=lambda: interpolate.RBFInterpolator(dense, [1.0, 2.0]),
        grid_interpolator=lambda: interpolate.RegularGridInterpolator((x, x), np.outer(x, x)),
        optimize_result=lambda: optimize.minimize(lambda v: float((v**2).sum()), [1.0], method="Nelder-Mead"),
        bounds=lambda: optimize.Bounds([0], [1]),
        linear_constraint=lambda: optimize.LinearConstraint([[1]], 0, 1),
        kde=lambda: stats.gaussian_kde(x),
        test_result=lambda: tuple(stats.ttest_1samp(x, 0)),
        frozen_norm=lambda: stats.norm(0, 1),
        random_variable=lambda: stats.norm,
    )


def sklearn_objects():
    import numpy as np
    import sklearn
    from sklearn import (
        calibration, cluster, compose, decomposition, discriminant_analysis, dummy, ensemble,
        feature_extraction, feature_selection, gaussian_process, impute, isotonic, linear_model,
        mixture, model_selection, naive_bayes, neighbors, neural_network, pipeline, preprocessing,
        svm, tree, utils,
    )
    from sklearn.experimental import enable_hist_gradient_boosting, enable_iterative_imputer  # noqa: F401

    rng = np.random.RandomState(0)
    x = rng.rand(24, 3)
    y = np.arange(24) % 2
    r = x.sum(axis=1)
    texts = ["a cat sat", "the dog ran", "a dog sat", "the cat"]

    def fitted(estimator, target=y):
        return lambda: estimator().fit(x, target)

    small = {"n_estimators": 2, "random_state": 0}
    yield from several(
        linear_regression=fitted(lambda: linear_model.LinearRegression(), r),
        ridge=fitted(lambda: linear_model.Ridge(), r),
        lasso=fitted(lambda: linear_model.Lasso(0.1), r),
        elastic_net=fitted(lambda: linear_model.ElasticNet(0.1), r),
        logistic_regression=fitted(lambda: linear_model.LogisticRegression()),
        sgd_classifier=fitted(lambda: linear_model.SGDClassifier()),
        sgd_regressor=fitted(lambda: linear_model.SGDRegressor(), r),
        perceptron=fitted(lambda: linear_model.Perceptron()),
        bayesian_ridge=fitted(lambda: linear_model.BayesianRidge(), r),
        svc=fitted(lambda: svm.SVC(probability=False)),
        svr=fitted(lambda: svm.SVR(), r),
        linear_svc=fitted(lambda: svm.LinearSVC()),
        one_class_svm=fitted(lambda: svm.OneClassSVM()),
        kneighbors_brute=fitted(lambda: neighbors.KNeighborsClassifier(3, algorithm="brute")),
        kneighbors_kd_tree=fitted(lambda: neighbors.KNeighborsClassifier(3, algorithm="kd_tree")),
        kneighbors_ball_tree=fitted(lambda: neighbors.KNeighborsRegressor(3, algorithm="ball_tree"), r),
        local_outlier_factor=fitted(lambda: neighbors.LocalOutlierFactor(3, novelty=True)),
        decision_tree=fitted(lambda: tree.DecisionTreeClassifier(random_state=0)),
        regression_tree=fitted(lambda: tree.DecisionTreeRegressor(random_state=0), r),
        random_forest=fitted(lambda: ensemble.RandomForestClassifier(**small)),
        extra_trees=fitted(lambda: ensemble.ExtraTreesRegressor(**small), r),
        gradient_boosting=fitted(lambda: ensemble.GradientBoostingClassifier(**small)),
        gradient_boosting_regressor=fitted(lambda: ensemble.GradientBoostingRegressor(**small), r),
        hist_gradient_boosting=fitted(lambda: ensemble.HistGradientBoostingClassifier(max_iter=2)),
        ada_boost=fitted(lambda: ensemble.AdaBoostClassifier(**small)),
        bagging=fitted(lambda: ensemble.BaggingClassifier(**small)),
        isolation_forest=fitted(lambda: ensemble.IsolationForest(**small)),
        voting=fitted(lambda: ensemble.VotingClassifier([("l", linear_model.LogisticRegression()), ("t", tree.DecisionTreeClassifier())])),
        stacking=fitted(lambda: ensemble.StackingClassifier([("t", tree.DecisionTreeClassifier())], cv=2)),
        kmeans=fitted(lambda: cluster.KMeans(2, n_init=1)),
        mini_batch_kmeans=fitted(lambda: cluster.MiniBatchKMeans(2, n_init=1)),
        dbscan=fitted(lambda: cluster.DBSCAN()),
        agglomerative=fitted(lambda: cluster.AgglomerativeClustering()),
        birch=fitted(lambda: cluster.Birch(n_clusters=2)),
        gaussian_mixture=fitted(lambda: mixture.GaussianMixture(2)),
        pca=fitted(lambda: decomposition.PCA(2)),
        truncated_svd=fitted(lambda: decomposition.TruncatedSVD(2)),
        nmf=fitted(lambda: decomposition.NMF(2)),
        lda_topics=fitted(lambda: decomposition.LatentDirichletAllocation(2)),
        fast_ica=fitted(lambda: decomposition.FastICA(2)),
        discriminant=fitted(lambda: discriminant_analysis.LinearDiscriminantAnalysis()),
        gaussian_nb=fitted(lambda: naive_bayes.GaussianNB()),
        multinomial_nb=fitted(lambda: naive_bayes.MultinomialNB()),
        bernoulli_nb=fitted(lambda: naive_bayes.BernoulliNB()),
        mlp=fitted(lambda: neural_network.MLPClassifier([3], max_iter=5)),
        gaussian_process=fitted(lambda: gaussian_process.GaussianProcessRegressor(gaussian_process.kernels.RBF() + gaussian_process.kernels.WhiteKernel()), r),
        isotonic=lambda: isotonic.IsotonicRegression().fit(r, y),
        calibrated=fitted(lambda: calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2)),
        dummy=fitted(lambda: dummy.DummyClassifier()),
        standard_scaler=fitted(lambda: preprocessing.StandardScaler()),
        minmax_scaler=fitted(lambda: preprocessing.MinMaxScaler()),
        robust_scaler=fitted(lambda: preprocessing.RobustScaler()),
        normalizer=fitted(lambda: preprocessing.Normalizer()),
        power_transformer=fitted(lambda: preprocessing.PowerTransformer()),
        quantile_transformer=fitted(lambda: preprocessing.QuantileTransformer(n_quantiles=5)),
        polynomial_features=fitted(lambda: preprocessing.PolynomialFeatures()),
        kbins=fitted(lambda: preprocessing.KBinsDiscretizer(3)),
        spline_transformer=fitted(lambda: preprocessing.SplineTransformer(n_knots=3)),
        function_transformer=fitted(lambda: preprocessing.FunctionTransformer(np.log1p)),
        one_hot=lambda: preprocessing.OneHotEncoder().fit([["a", 1], ["b", 2]]),
        ordinal_encoder=lambda: preprocessing.OrdinalEncoder().fit([["a"], ["b"]]),
        label_encoder=lambda: preprocessing.LabelEncoder().fit(["a", "b"]),
        label_binarizer=lambda: preprocessing.LabelBinarizer().fit(["a", "b", "c"]),
        multilabel_binarizer=lambda: preprocessing.MultiLabelBinarizer().fit([["a"], ["b", "c"]]),
        simple_imputer=fitted(lambda: impute.SimpleImputer()),
        knn_imputer=fitted(lambda: impute.KNNImputer()),
        select_k_best=fitted(lambda: feature_selection.SelectKBest(feature_selection.f_classif, k=2)),
        variance_threshold=fitted(lambda: feature_selection.VarianceThreshold()),
        rfe=fitted(lambda: feature_selection.RFE(linear_model.LogisticRegression(), n_features_to_select=2)),
        count_vectorizer=lambda: feature_extraction.text.CountVectorizer().fit(texts),
        tfidf_vectorizer=lambda: feature_extraction.text.TfidfVectorizer().fit(texts),
        hashing_vectorizer=lambda: feature_extraction.text.HashingVectorizer(),
        dict_vectorizer=lambda: feature_extraction.DictVectorizer().fit([{"a": 1}, {"b": 2}]),
        pipeline=fitted(lambda: pipeline.make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(2), linear_model.LogisticRegression())),
        text_pipeline=lambda: pipeline.make_pipeline(feature_extraction.text.TfidfVectorizer(), naive_bayes.MultinomialNB()).fit(texts, [0, 1, 1, 0]),
        feature_union=fitted(lambda: pipeline.make_union(preprocessing.StandardScaler(), decomposition.PCA(1))),
        column_transformer=fitted(lambda: compose.ColumnTransformer([("s", preprocessing.StandardScaler(), [0, 1])], remainder="passthrough")),
        grid_search=fitted(lambda: model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [0.1, 1.0]}, cv=2), r),
        randomized_search=fitted(lambda: model_selection.RandomizedSearchCV(linear_model.Ridge(), {"alpha": [0.1, 1.0]}, n_iter=2, cv=2), r),
        kfold=lambda: [model_selection.KFold(3), model_selection.StratifiedKFold(2)],
        bunch=lambda: utils.Bunch(data=x, target=y, names=["a"]),
        unfitted=lambda: [svm.SVC(), ensemble.RandomForestClassifier(), preprocessing.StandardScaler()],
    )


def xgboost_objects():
    import numpy as np
    import xgboost

    x = np.arange(24.0).reshape(12, 2)
    y = np.arange(12) % 2
    small = {"n_estimators": 2, "max_depth": 2}
    yield from several(
        classifier=lambda: xgboost.XGBClassifier(**small).fit(x, y),
        regressor=lambda: xgboost.XGBRegressor(**small).fit(x, y),
        ranker=lambda: xgboost.XGBRanker(**small).fit(x, y, group=[6, 6]),
        random_forest=lambda: xgboost.XGBRFClassifier(**small).fit(x, y),
        booster=lambda: xgboost.train({"max_depth": 2}, xgboost.DMatrix(x, y), 2),
        unfitted=lambda: xgboost.XGBClassifier(),
    )


def lightgbm_objects():
    import lightgbm
    import numpy as np

    x = np.arange(80.0).reshape(40, 2)
    y = np.arange(40) % 2
    small = {"n_estimators": 2, "min_child_samples": 2, "verbose": -1}
    yield from several(
        classifier=lambda: lightgbm.LGBMClassifier(**small).fit(x, y),
        regressor=lambda: lightgbm.LGBMRegressor(**small).fit(x, y),
        ranker=lambda: lightgbm.LGBMRanker(**small).fit(x, y, group=[20, 20]),
        booster=lambda: lightgbm.train({"verbose": -1, "min_data_in_leaf": 2}, lightgbm.Dataset(x, y), 2),
        unfitted=lambda: lightgbm.LGBMClassifier(),
    )


def torch_objects():
    import torch

    layer = torch.nn.Linear(2, 3)
    optimizer = torch.optim.Adam(layer.parameters())
    yield from several(
        tensor=lambda: torch.arange(6.0).reshape(2, 3),
        tensors=lambda: [torch.zeros(2, dtype=t) for t in (torch.float16, torch.bfloat16, torch.int64, torch.bool)],
        state_dict=lambda: layer.state_dict(),
        parameter=lambda: torch.nn.Parameter(torch.ones(2)),
        checkpoint=lambda: {"epoch": 3, "model": layer.state_dict(), "optimizer": optimizer.state_dict()},
        size_and_device=lambda: {"size": torch.Size([1, 2]), "device": torch.device("cpu"), "dtype": torch.float32},
        sparse_tensor=lambda: torch.eye(2).to_sparse(),
    )


SESSION = {
    "_auth_user_id": "42",
    "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
    "_auth_user_hash": "5f4dcc3b5aa765d61d8327deb882cf99",
    "_session_expiry": 1209600,
}


def django_setup():
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages", "django.contrib.sessions"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            SECRET_KEY="not a secret", USE_TZ=True,
        )
        django.setup()


def session_objects():
    django_setup()
    from django.contrib.messages import constants
    from django.contrib.messages.storage.base import Message
    from django.utils import timezone
    from django.utils.safestring import mark_safe

    now = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
    yield from several(
        login=lambda: SESSION,
        empty=lambda: {},
        cart=lambda: dict(SESSION, cart={"items": [{"sku": "a-1", "n": 2, "price": decimal.Decimal("9.99")}], "total": decimal.Decimal("19.98")}),
        last_seen=lambda: dict(SESSION, last_seen=now, day=now.date(), wait=datetime.timedelta(minutes=5)),
        django_now=lambda: dict(SESSION, seen=timezone.now()),
        ids=lambda: dict(SESSION, visitor=uuid.UUID(int=77), seen={1, 2, 3}),
        messages=lambda: dict(SESSION, _messages='[["__json_message",0,25,"Saved."]]'),
        message_objects=lambda: [Message(constants.INFO, "hello", extra_tags="x")],
        safe_text=lambda: dict(SESSION, banner=mark_safe("<b>hi</b>")),
        wizard=lambda: dict(SESSION, wizard_form={"step": "2", "step_data": {"1": {"name": ["x"]}}, "extra_data": {}}),
    )


def cache_objects():
    django_setup()
    from django.contrib.auth.models import Group, User
    from django.http import HttpResponse, JsonResponse, QueryDict
    from django.template.response import TemplateResponse  # noqa: F401
    from django.utils.datastructures import MultiValueDict
    from django.utils.safestring import mark_safe

    def response():
        response = HttpResponse(b"<p>hi</p>", headers={"Cache-Control": "max-age=60"})
        response.set_cookie("k", "v", max_age=5)
        return response

    yield from several(
        counter=lambda: 41,
        text=lambda: "cached",
        record=lambda: {"id": 1, "name": "n", "price": decimal.Decimal("1.10"), "tags": ("a", "b")},
        dates=lambda: [datetime.datetime(2024, 1, 2, 3, 4, tzinfo=datetime.timezone.utc), datetime.date(2024, 1, 2)],
        rows=lambda: [{"id": i, "uuid": uuid.UUID(int=i)} for i in range(5)],
        fragment=lambda: mark_safe("<li>x</li>"),
        header_list=lambda: ["Accept", "Cookie"],
        response=response,
        json_response=lambda: JsonResponse({"a": 1}),
        query=lambda: QueryDict("a=1&a=2&b=3"),
        multi_value=lambda: MultiValueDict({"a": ["1", "2"]}),
        model=lambda: User(id=7, username="u", email="u@example.org", date_joined=datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)),
        models=lambda: [Group(id=1, name="g"), Group(id=2, name="h")],
        nothing=lambda: None,
    )


def celery_objects():
    import celery
    from celery import canvas, result
    from celery.exceptions import Retry

    app = celery.Celery("app", broker="memory://", backend="cache+memory://")
    app.set_current()

    @app.task(name="app.add")
    def add(a, b):
        return a + b

    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}

    def failure():
        try:
            {}["missing"]
        except KeyError as error:
            return {"status": "FAILURE", "result": error, "traceback": "Traceback…", "children": [], "task_id": "t"}

    yield from several(
        task=lambda: ((1, 2), {}, embed),
        task_with_data=lambda: (("x", [1, 2]), {"when": datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc), "price": decimal.Decimal("1.5")}, embed),
        task_with_ids=lambda: ((uuid.UUID(int=5),), {"tags": {"a", "b"}, "raw": b"\x00\x01"}, embed),
        task_with_chain=lambda: ((1, 2), {}, dict(embed, chain=[dict(add.s(3))])),
        task_with_callback=lambda: ((1, 2), {}, dict(embed, callbacks=[add.s(3)])),
        signature=lambda: add.s(1, 2),
        signature_options=lambda: add.signature((1, 2), countdown=5, queue="q"),
        group=lambda: canvas.group(add.s(1, 1), add.s(2, 2)),
        chain=lambda: canvas.chain(add.s(1, 1), add.s(2)),
        chord=lambda: canvas.chord([add.s(1, 1)], add.s(2)),
        result=lambda: {"status": "SUCCESS", "result": {"sum": 3}, "traceback": None, "children": [], "task_id": "t"},
        failure=failure,
        retry=lambda: Retry("again", ValueError("x"), 5),
        async_result=lambda: result.AsyncResult("1-2-3", app=None).as_tuple(),
        exceptions=lambda: [celery.exceptions.TaskRevokedError("r"), celery.exceptions.SoftTimeLimitExceeded("s"), celery.exceptions.Reject("no", True)],
        event=lambda: {"type": "task-sent", "uuid": "u", "clock": 3, "hostname": "h", "timestamp": 1.5, "utcoffset": 0, "pid": 3},
    )


def multiprocessing_objects():
    import collections
    import math
    import operator
    from multiprocessing import pool

    def failed():
        try:
            raise ValueError("bad row")
        except ValueError as error:
            return (3, 0, (False, pool.ExceptionWithTraceback(error, error.__traceback__)))

    point = collections.OrderedDict(x=1, y=2)
    yield from several(
        queue_item=lambda: {"job": 3, "rows": [(1, "a"), (2, "b")]},
        queue_stop=lambda: None,
        queue_types=lambda: [point, collections.deque([1, 2]), collections.Counter("aab"), {1, 2}, frozenset("a"), range(3), b"x", bytearray(b"y"), 1j],
        queue_dates=lambda: [datetime.datetime(2024, 1, 2), decimal.Decimal("1.5"), uuid.UUID(int=1)],
        pipe_bytes=lambda: b"\x00" * 100,
        task_of_apply=lambda: (1, 0, operator.add, (1, 2), {}),
        task_of_apply_builtin=lambda: (1, 0, len, ([1, 2],), {}),
        task_of_map=lambda: (2, 0, pool.mapstar, ((math.sqrt, (1.0, 2.0)),), {}),
        task_of_starmap=lambda: (2, 1, pool.starmapstar, ((pow, ((2, 3), (3, 2))),), {}),
        result=lambda: (1, 0, (True, [1.0, 2.0])),
        result_failed=failed,
        manager_request=lambda: ("id", "append", (1,), {}),
        manager_response=lambda: ("#RETURN", [1, 2, 3]),
        manager_error=lambda: ("#ERROR", IndexError("pop from empty list")),
        manager_traceback=lambda: ("#TRACEBACK", "Traceback…"),
    )


# Library, the module that says its version, the profile, the generator.
LIBRARIES = [
    ("numpy", "numpy", "numpy", numpy_objects),
    ("pandas", "pandas", "pandas", pandas_objects),
    ("scipy", "scipy", "scipy", scipy_objects),
    ("scikit-learn", "sklearn", "sklearn", sklearn_objects),
    ("xgboost", "xgboost", "xgboost", xgboost_objects),
    ("lightgbm", "lightgbm", "lightgbm", lightgbm_objects),
    ("torch", "torch", "torch", torch_objects),
    ("django", "django", "django-session", session_objects),
    ("django-redis", "django_redis", "redis-cache", cache_objects),
    ("celery", "celery", "celery", celery_objects),
    ("multiprocessing", "multiprocessing", "multiprocessing", multiprocessing_objects),
]
